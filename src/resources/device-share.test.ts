import { describe, expect, it } from 'vitest';
import { allocationOf, areSameShares, type DeviceShare, sharesOf } from './device-share.ts';

const shares: readonly DeviceShare[] = [
  ['cuda.shares', '9', '0.5'],
  ['cuda.shares', '2', '1'],
  ['cpu', '10', '1'],
  ['cpu', '3', '1'],
];

describe('shares of devices', () => {
  it('keep the order of slots and devices', () => {
    expect(sharesOf(allocationOf(JSON.parse(JSON.stringify(shares))))).toEqual(shares);
  });

  it('are the same whatever their order and the form of their amounts', () => {
    expect(areSameShares(shares, shares.toReversed())).toBe(true);
    expect(
      areSameShares(
        [['a', '0', '1.50']],
        [
          ['a', '0', '1.5'],
          ['a', '1', '0'],
        ],
      ),
    ).toBe(true);
    expect(areSameShares(shares, shares.slice(1))).toBe(false);
    expect(areSameShares([['a', '0', '1']], [['a', '1', '1']])).toBe(false);
  });

  it('with an amount that is no number are refused', () => {
    expect(() => allocationOf([['cpu', '0', 'all']])).toThrow('the amount of cpu 0 "all" is not a decimal number');
  });
});
