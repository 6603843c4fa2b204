import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { describeByteSize, formatByteSize, parseByteSize } from './byte-size.ts';

describe('parseByteSize', () => {
  it.each([
    ['1024', 1024],
    ['1_024', 1024],
    ['1K', 1024],
    ['1k', 1024],
    ['1G', 1073741824],
    ['1GB', 1073741824],
    ['1GiB', 1073741824],
    ['1 GiB', 1073741824],
    ['64K', 65536],
    ['10M', 10485760],
    ['1.5G', 1610612736],
    ['1.5g', 1610612736],
    ['128m', 134217728],
    ['512k', 524288],
    ['100 bytes', 100],
    [' 100 ', 100],
    ['0', 0],
    [4096, 4096],
  ] as const)('reads %j as %d', (text, bytes) => {
    expect(parseByteSize(text)).toBe(bytes);
  });

  it('takes the big integers of a TOML file', () => {
    expect(parseByteSize(4096n)).toBe(4096);
    expect(() => parseByteSize(2n ** 53n)).toThrow('is not a size');
  });

  it.each([
    '100b',
    '1.5',
    1.5,
    'abc',
    '',
    'inf',
    '-1',
    -1,
    '-1g',
    '1gg',
    'g',
    '1e3',
    '9007199254740992',
    '9e',
    Number.NaN,
  ])('refuses %j', (value) => {
    expect(() => parseByteSize(value, '--mem')).toThrow(/^--mem .* is not a size such as 128m/);
  });
});

describe('formatByteSize', () => {
  it('is read back as the same number', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), (bytes) => {
        expect(parseByteSize(formatByteSize(bytes))).toBe(bytes);
      }),
    );
    expect([0, 1000, 1536 * 2 ** 20, 2 ** 30].map(formatByteSize)).toEqual(['0', '1000', '1536m', '1g']);
  });
});

it('describes sizes for people', () => {
  expect([0, 900, 1024, 12.34 * 2 ** 20, 1.5 * 2 ** 30, 999 * 2 ** 30].map(describeByteSize)).toEqual([
    '0 B',
    '900 B',
    '1 KiB',
    '12.3 MiB',
    '1.5 GiB',
    '999 GiB',
  ]);
});
