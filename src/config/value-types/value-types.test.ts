import { describe, expect, it } from 'vitest';
import { optional, RefusedValue, type ValueType } from '../definition.ts';
import { formatHostPort, hostPort, portRange } from './address.ts';
import { accountLookup, capabilities, owner } from './credentials.ts';
import { byteSize, cpuCount, decimal, duration, integer, lenientBoolean, strictBoolean } from './scalar.ts';
import { absolutePaths, blankableText, choice, text, textSet } from './text.ts';

/** What a value type makes of values; `refused` where it throws RefusedValue. */
function outcomes(type: ValueType<unknown>, values: readonly unknown[]): readonly unknown[] {
  return values.map((value) => {
    try {
      return type.parse(value);
    } catch (error) {
      if (error instanceof RefusedValue) return 'refused';
      throw error;
    }
  });
}

describe('host and port', () => {
  it('reads every accepted form', () => {
    const forms = [
      '127.0.0.1:6001',
      '[::1]:6001',
      '::1:6001',
      ['h', '1'],
      { host: 'h', port: '6001' },
      { host: 'h', port: 6001.0, x: 1 },
    ];
    expect(outcomes(hostPort(), forms)).toEqual([
      { host: '127.0.0.1', port: 6001 },
      { host: '::1', port: 6001 },
      { host: '::1', port: 6001 },
      { host: 'h', port: 1 },
      { host: 'h', port: 6001 },
      { host: 'h', port: 6001 },
    ]);
  });

  it('refuses the others', () => {
    const forms = [
      'host',
      ['h', 1, 2],
      { host: 'h' },
      5,
      ':6001',
      { host: '', port: 1 },
      'h:0',
      'h:65536',
      { host: 'h', port: true },
      'h:',
    ];
    expect(new Set(outcomes(hostPort(), forms))).toEqual(new Set(['refused']));
    expect(hostPort({ blankHost: true }).parse(':6001')).toEqual({ host: '', port: 6001 });
  });

  it('formats IPv6 hosts with brackets', () => {
    expect([formatHostPort({ host: '::1', port: 1 }), formatHostPort({ host: 'h', port: 2 })]).toEqual([
      '[::1]:1',
      'h:2',
    ]);
  });
});

it('reads port ranges', () => {
  const values = [
    [30000, 31000],
    '30000-31000',
    ['30000', '31000'],
    '1-2-3',
    '30000',
    [2, 1],
    [1, 1],
    [0, 5],
    '',
    [1, 65536],
    [true, 5],
  ];
  const range = { first: 30000, last: 31000 };
  expect(outcomes(portRange, values)).toEqual([range, range, range, ...Array(8).fill('refused')]);
});

it('reads booleans', () => {
  const truths = [true, 1, 'y', 'Yes', 'T', 'TRUE', 'on', '1'];
  const untruths = [false, 0, null, 'n', 'No', 'off', '0', 'FALSE', 'none'];
  expect(new Set(outcomes(lenientBoolean, truths))).toEqual(new Set([true]));
  expect(new Set(outcomes(lenientBoolean, untruths))).toEqual(new Set([false]));
  expect(outcomes(lenientBoolean, ['f', '', 2, []])).toEqual(Array(4).fill('refused'));
  expect(outcomes(strictBoolean, [true, false, 'true', 1])).toEqual([true, false, 'refused', 'refused']);
});

it('reads numbers', () => {
  expect(outcomes(integer({ min: 1, max: 32 }), [1, 4.0, '8', 32n, 0, 33, 1.5, 'x', true, null])).toEqual([
    1,
    4,
    8,
    32,
    ...Array(6).fill('refused'),
  ]);
  expect(outcomes(decimal({ min: 0 }), [20, '20', '0.5', -1, 'inf', Number.NaN])).toEqual([
    20,
    20,
    0.5,
    ...Array(3).fill('refused'),
  ]);
  expect(outcomes(cpuCount, [1, 0.5, 0.333, '2', 0, -1, 1e9])).toEqual([1, 0.5, 0.33, 2, ...Array(3).fill('refused')]);
});

it('reads amounts within their bounds', () => {
  expect(outcomes(byteSize({ min: 1024 }), ['1k', 4096, '1023', true, 'x'])).toEqual([
    1024,
    4096,
    ...Array(3).fill('refused'),
  ]);
  expect(outcomes(duration({ min: 1000, max: 60_000 }), ['1s', '1m', '999ms', '2m', 5])).toEqual([
    1000,
    60_000,
    ...Array(3).fill('refused'),
  ]);
});

it('reads texts, lists and sets', () => {
  expect(outcomes(text, ['a', '', ' ', 5])).toEqual(['a', 'refused', 'refused', 'refused']);
  expect(outcomes(blankableText, ['', null, 5])).toEqual(['', '', 'refused']);
  expect(outcomes(optional(text), ['', null, 'a', 5])).toEqual([null, null, 'a', 'refused']);
  expect(outcomes(choice(['docker', 'dummy']), ['docker', 'Docker'])).toEqual(['docker', 'refused']);
  expect(outcomes(choice(['INTERLEAVED'], { anyCase: true }), ['interleaved'])).toEqual(['INTERLEAVED']);
  expect(outcomes(textSet, ['abc', ['a', 'a', 'b'], [1]])).toEqual([['abc'], ['a', 'b'], 'refused']);
  expect(outcomes(absolutePaths, [['/a'], ['a'], '/a'])).toEqual([['/a'], 'refused', 'refused']);
  expect(outcomes(capabilities, [['cap_sys_ptrace', 'SYS_PTRACE'], ['ALL'], [5], 'KILL'])).toEqual([
    ['SYS_PTRACE'],
    'refused',
    'refused',
    'refused',
  ]);
  expect(() => capabilities.parse(['SYS_ADMINN'])).toThrow(
    'has "SYS_ADMINN", which is no capability (did you mean "SYS_ADMIN"?)',
  );
});

describe('users and groups', () => {
  it('reads numbers, names and -1', () => {
    expect(outcomes(owner, [-1, '-1', null, '', 0, '1000', 'work', -2, 1.5, 'a b'])).toEqual([
      ...Array(4).fill({ own: true }),
      { id: 0 },
      { id: 1000 },
      { name: 'work' },
      ...Array(3).fill('refused'),
    ]);
  });

  it('looks names up', () => {
    const lookup = accountLookup('root:x:0:0::/root:/bin/sh\nwork:x:1001:1002::/:/bin/sh\n', 'docker:x:999:work\n');
    expect([lookup.user('work'), lookup.user('nobody'), lookup.group('docker'), lookup.group('work')]).toEqual([
      { uid: 1001, gid: 1002 },
      undefined,
      999,
      undefined,
    ]);
  });
});
