import { expect, it } from 'vitest';
import { keyedNumber, neededNumber, numberOrMax, onlyNumber, UnexpectedText } from './file-text.ts';

const stat = 'inactive_file 5\ntotal_inactive_file 12288\noom_kill_disable 0\noom_kill 3\n';

it('finds numbers by their whole key', () => {
  expect(keyedNumber(stat, 'inactive_file', 'f')).toBe(5);
  expect(keyedNumber(stat, 'total_inactive_file', 'f')).toBe(12_288);
  expect(keyedNumber(stat, 'oom_kill', 'f')).toBe(3);
  expect(keyedNumber(stat, 'kill', 'f')).toBeNull();
  expect(() => neededNumber(stat, 'kill', 'memory.stat')).toThrow('memory.stat has no line kill');
});

it('reads numbers, and `max` as none', () => {
  expect([onlyNumber('0\n', 'f'), numberOrMax('64\n', 'f'), numberOrMax('max\n', 'f')]).toEqual([0, 64, null]);
  expect(onlyNumber('9223372036854771712\n', 'f')).toBe(2 ** 63 - 4096);
});

it.each(['', '12', '\n', '-1\n', '1.5\n', '0x10\n', ' 1\n', '1 \n', '1e3\n', 'max', 'Infinity\n', '١٢\n', '1\n2\n'])(
  'takes %j for no number',
  (text) => {
    expect(() => numberOrMax(text, 'some.file')).toThrow(UnexpectedText);
    expect(() => numberOrMax(text, 'some.file')).toThrow(/^some\.file /);
  },
);
