import { expect, it } from 'vitest';
import { limitsResult } from './rlimits-check.ts';

const text = (files: string, processes: string): string =>
  `Limit                     Soft Limit           Hard Limit           Units
Max processes             ${processes}               96364                processes
Max open files            ${files}                524288               files
`;

it.each([
  ['20000', '96364', 'ok', '20000 open files, 96364 processes'],
  ['unlimited', 'unlimited', 'ok', 'unlimited open files, unlimited processes'],
  ['1024', '96364', 'warning', '1024 open files, 96364 processes'],
  ['4096', '100', 'warning', '4096 open files, 100 processes'],
])('%s files and %s processes are %s', (files, processes, state, detail) => {
  expect(limitsResult(text(files, processes))).toMatchObject({ state, detail });
});

it('names the limit that is too low', () => {
  expect(limitsResult(text('1024', '100')).fix).toMatch(/^ulimit -n 4096 /);
  expect(limitsResult(text('4096', '100')).fix).toMatch(/^ulimit -u 4096 /);
});
