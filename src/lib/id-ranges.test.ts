import { expect, it } from 'vitest';
import { parseIdRanges } from './id-ranges.ts';

it('reads ranges of ids, and passes over what is none', () => {
  const table = 'alice:100000:65536\n\n# no range\nbob:1:x\ncarol:5:0\ndave::5\n231072:231072:1000\r\nerin:7:2:more';
  expect(parseIdRanges(table)).toEqual([
    { first: 100_000, count: 65_536 },
    { first: 231_072, count: 1_000 },
    { first: 7, count: 2 },
  ]);
});
