import { closeSync, openSync } from 'node:fs';
import { expect, it } from 'vitest';
import { DescriptorBudget, descriptorsOfProcess } from './descriptor-budget.ts';

const budget = (limit: number, open: number): DescriptorBudget => new DescriptorBudget({ limit, open: () => open });
const outcome = (check: () => void): string => {
  try {
    check();
    return 'taken';
  } catch (error) {
    return (error as { code: string }).code;
  }
};

it.each([
  [1024, 0, 'taken', 'taken'],
  [1024, 1024 - 129, 'taken', 'taken'],
  [1024, 1024 - 128, 'OVERLOADED', 'taken'],
  [1024, 1024 - 65, 'OVERLOADED', 'taken'],
  [1024, 1024 - 64, 'OVERLOADED', 'OVERLOADED'],
  [1024, 1024, 'OVERLOADED', 'OVERLOADED'],
  [1024, Number.POSITIVE_INFINITY, 'OVERLOADED', 'OVERLOADED'],
  [1_048_576, 1_000_000, 'taken', 'taken'],
  [Number.POSITIVE_INFINITY, 5_000_000, 'taken', 'taken'],
])('of %d with %d in use a kernel is %s, a connection %s', (limit, open, kernel, connection) => {
  const of = budget(limit, open);
  expect(outcome(() => of.assertRoomForKernel())).toBe(kernel);
  expect(outcome(() => of.assertRoom())).toBe(connection);
  expect(of.hasRoom).toBe(connection === 'taken');
});

it('lets statistics have half', () => {
  expect(budget(1024, 0).forStatistics).toBe(512);
  expect(descriptorsOfProcess('Max open files            unlimited unlimited files').forStatistics).toBe(Infinity);
  expect(descriptorsOfProcess('Max open files            4096 8192 files').forStatistics).toBe(2048);
});

it('counts those of this process', () => {
  const limit = 4096;
  const held: number[] = [];
  try {
    const of = descriptorsOfProcess(`Max open files            ${limit} ${limit} files`);
    expect(of.hasRoom).toBe(true);
    while (held.length < limit - limit / 16) held.push(openSync('/dev/null', 'r'));
    expect(of.hasRoom).toBe(false);
  } finally {
    for (const descriptor of held) closeSync(descriptor);
  }
});
