import { describe, expect, it } from 'vitest';
import { Decimal, plainText } from '../lib/decimal.ts';
import { assignedIds, DeviceLevel } from './allocation.ts';

describe('what is left of a device', () => {
  it.each([
    ['3', '0.25', '2.75', 2n, '0.75'],
    ['3', '1', '2', 2n, '0'],
    ['1', '0.5', '0.5', 0n, '0.5'],
    ['1', '1', '0', 0n, '0'],
    ['1', '2.5', '-1.5', 0n, '0'],
    ['Infinity', '1', 'Infinity', 0n, '0'],
  ])('of %s, %s of which is allocated, is %s: %d whole units and %s', (amount, allocated, free, whole, part) => {
    const level = new DeviceLevel(new Decimal(amount), new Decimal(allocated));
    expect([level.freeText, level.wholeFree, plainText(level.partFree)]).toEqual([free, whole, part]);
  });

  it('is told apart by both amounts', () => {
    const key = (amount: string, allocated: string) => new DeviceLevel(new Decimal(amount), new Decimal(allocated)).key;
    expect(key('1.50', '0')).toBe(key('1.5', '-0'));
    expect(new Set([key('1', '0'), key('2', '0'), key('2', '1')]).size).toBe(3);
  });
});

it('devices of which a kernel has nothing are not assigned to it', () => {
  const amounts = (entries: Readonly<Record<string, string>>) =>
    new Map(Object.entries(entries).map(([id, amount]) => [id, new Decimal(amount)] as const));
  const allocation = new Map([
    ['cuda.device', amounts({ b: '1', a: '0' })],
    ['cuda.shares', amounts({ c: '0.5', d: '-1' })],
  ]);
  expect(assignedIds(allocation)).toEqual(['b', 'c']);
});
