import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { letProgramPagesGo, unchangedMappings } from './program-pages.ts';

const kilobytes = (name: string, count: number): string => `${name}:   ${String(count).padStart(6)} kB`;
const mapping = (range: string, mode: string, place: string, anonymous: number, swapped = 0): string =>
  [
    `${range} ${mode} 00000000 ${place}`,
    ...[
      kilobytes('Rss', 4),
      kilobytes('Anonymous', anonymous),
      kilobytes('Swap', swapped),
      kilobytes('SwapPss', swapped),
    ],
    'VmFlags: rd',
  ].join('\n');

it('finds what is of a file, cannot be written, and was not changed', () => {
  const file = 'fe:00 5317452                            /usr/bin/node';
  const smaps = [
    mapping('00400000-00746000', 'r--p', file, 0),
    mapping('0074a000-03044000', 'r-xp', file, 0),
    mapping('03201000-06b51000', 'r--p', file, 4),
    mapping('06b51000-06b61000', 'rw-p', file, 0),
    mapping('07000000-07001000', 'r--p', file, 0, 4),
    mapping('12149000-1238e000', 'r--p', '00:00 0                                  [heap]', 0),
    mapping('7f769c50e000-7f769c61e000', 'r-xp', '00:00 0 ', 0),
    mapping('7fff00000000-7fff00001000', 'r-xp', '00:00 0                          [vdso]', 0),
  ].join('\n');
  expect(unchangedMappings(`${smaps}\n`)).toEqual([
    { from: 0x400000n, to: 0x746000n },
    { from: 0x74a000n, to: 0x3044000n },
  ]);
});

it('this process goes on, with less of its program in memory', () => {
  const ofFiles = (): number => Number(/^RssFile:\s+(\d+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]);
  const before = ofFiles();
  letProgramPagesGo();
  const after = ofFiles();
  expect(before - after).toBeGreaterThan(5 * 1024);
  letProgramPagesGo();
  expect([1, 2, 3].map((number) => number * 2)).toEqual([2, 4, 6]);
});
