import { describe, expect, it } from 'vitest';
import type { RunnerMethod } from '../protocol/agent-frames.ts';
import { FrameError } from '../protocol/frame.ts';
import { parseResult } from './message-guards.ts';

const times = { ctime: -1.5, mtime: 2, atime: 3 };
const owner = { uid: 1000, gid: 100, target: null };
const file = { filename: 'a\\xff', type: 'file', size: 3, mode: '-rw-r--r--', permissions: '644', ...owner, ...times };
const context = {
  name: 'main',
  runtime: 'python',
  cwd: null,
  state: 'idle',
  detail: '',
  waiting: 0,
  running: null,
};

describe('parseResult', () => {
  const good: readonly [RunnerMethod, unknown][] = [
    ['execute', { existing: true }],
    ['stdin', { open: false }],
    ['interrupt', { interrupted: true }],
    ['complete', { matches: ['print'] }],
    ['list-files', { path: '/home/work', files: [file], next: null }],
    ['list-files', { path: '/home/work', files: [file], next: 7 }],
    ['create-context', { existing: false }],
    ['contexts', { contexts: [context, { ...context, cwd: '/tmp', running: 'r' }] }],
    ['upload', { bytes: 0 }],
    ['download', { form: 'tar', size: null, name: 'x', mode: null }],
    ['download', { form: 'file', size: Number.MAX_SAFE_INTEGER, name: 'a\r\n"ü"', mode: 0o600 }],
    [
      'ping',
      {
        phase: 'ready',
        interpreter: 'idle',
        detail: '',
        startedAt: 1,
        logBytesDropped: 0,
        models: [{ name: 'm', healthy: null }],
      },
    ],
    ['cancel', null],
  ];
  it.each(good)('keeps a correct result of %s', (method, result) => {
    expect(parseResult(method, result)).toEqual(result);
  });

  it('knows no mode of a file that an older runner sends', () => {
    expect(parseResult('download', { form: 'file', size: 1, name: 'x' })).toMatchObject({ mode: null });
  });

  const bad: readonly [RunnerMethod, unknown][] = [
    ['execute', null],
    ['execute', { existing: 1 }],
    ['stdin', []],
    ['complete', { matches: [1] }],
    ['complete', { matches: 'x' }],
    ['list-files', { path: '/', files: [{ ...file, size: -1 }] }],
    ['list-files', { path: '/', files: [{ ...file, filename: null }] }],
    ...['', '-rw-r--r--\n', '\u001B[2J'].map((mode): [RunnerMethod, unknown] => [
      'list-files',
      { path: '/', files: [{ ...file, mode }], next: null },
    ]),
    ['list-files', { path: '/', files: [], next: 'x' }],
    ['contexts', { contexts: {} }],
    ['contexts', { contexts: Array(17).fill(context) }],
    ['contexts', { contexts: [{ ...context, state: 'odd' }] }],
    ['contexts', { contexts: [{ ...context, running: '../r' }] }],
    ['contexts', { contexts: [{ ...context, name: '../c' }] }],
    ['upload', { bytes: Number.NaN }],
    ['download', { form: 'zip', size: 1, name: 'x' }],
    ['upload', { bytes: 0.5 }],
    ...['1', -1, 0.5, 1e300, Number.NaN, null, true, Number.MAX_SAFE_INTEGER + 1].map(
      (size): [RunnerMethod, unknown] => ['download', { form: 'file', size, name: 'x' }],
    ),
    ...['', '.', '..', '../x', '/', 'a\0', 'x'.repeat(256), 1].map((name): [RunnerMethod, unknown] => [
      'download',
      { form: 'file', size: 1, name },
    ]),
    ['download', { form: 'tar', size: 1, name: 'x' }],
    ...[0o4755, -1, 0.5, '600', null].map((mode): [RunnerMethod, unknown] => [
      'download',
      { form: 'file', size: 1, name: 'x', mode },
    ]),
    ['list-files', { path: '/', files: [{ ...file, size: 0.5 }], next: null }],
    ['ping', {}],
  ];
  // @promise runner-violations
  it.each(bad)('refuses a wrong result of %s: %j', (method, result) => {
    expect(() => parseResult(method, result)).toThrow(FrameError);
  });

  it('reads a size above the exact integers as the largest exact one', () => {
    const { files } = parseResult('list-files', { path: '/', files: [{ ...file, size: 2 ** 63 }], next: null });
    expect(files).toEqual([{ ...file, size: Number.MAX_SAFE_INTEGER }]);
  });
});
