import { describe, expect, it } from 'vitest';
import { Decimal, plainText } from '../lib/decimal.ts';
import { DeviceLevel, DeviceState } from './allocation.ts';
import { defaultLeastUseful, density, distribute, fitsUnfragmented, fractionEvenly } from './strategy.ts';

/** Devices of a capacity, of each of which so much is left. */
const devicesOf = (capacity: string, ...free: readonly string[]): readonly DeviceState[] =>
  free.map((left, index) => {
    const amount = new Decimal(capacity);
    const device = { id: String(index), slot: 'x', type: 'count', amount } as const;
    return new DeviceState(device, new DeviceLevel(amount, amount.minus(left)));
  });

describe('fractions, evenly', () => {
  const given = (amount: string, ...free: readonly string[]) => {
    const candidates = devicesOf('10', ...free);
    const ask = { slot: 'x', amount: new Decimal(amount) };
    const shares = fractionEvenly({ ask, candidates, devices: candidates, leastUseful: defaultLeastUseful });
    return Object.fromEntries(shares.map(([{ id }, share]) => [id, plainText(share)]));
  };

  it('come from the fullest device that has enough, where the first one has', () => {
    expect(given('1', '5', '3', '1', '0.5')).toEqual({ '2': '1' });
  });

  it('are spread where the first device has not enough', () => {
    expect(given('1', '0.5', '3')).toEqual({ '0': '0.5', '1': '0.5' });
  });

  it('are as equal as they can be, over the last devices that have room for it', () => {
    expect(given('4', '3', '2', '2')).toEqual({ '1': '2', '2': '2' });
    expect(given('3', '2', '2', '2')).toEqual({ '1': '1.5', '2': '1.5' });
  });

  it('are what small devices have, and the same of the others, whose first give what the hundredths leave over', () => {
    expect(given('6', '5', '1')).toEqual({ '0': '5', '1': '1' });
    expect(given('0.05', '0.03', '0.03')).toEqual({ '0': '0.03', '1': '0.02' });
  });

  it('are all that there is of devices that fall short by less than half of a hundredth', () => {
    expect(given('1', '0.498', '0.498')).toEqual({ '0': '0.5', '1': '0.5' });
  });

  it('come from the freest first where a full device stands before it', () => {
    expect(given('6', '1', '5', '0.5')).toEqual({ '0': '1', '1': '5' });
  });

  it('cannot be more than is left on devices of use', () => {
    expect(() => given('2', '1', '0.9', '0.005')).toThrow('not enough x: 2 asked for, 1.9 free');
    expect(() => given('2')).toThrow('not enough x: 2 asked for, 0 free');
  });
});

it('a whole number is shared out in equal parts, whose first have one more', () => {
  const parts = distribute(8n, 3);
  expect([0, 1, 2].map(parts)).toEqual([3n, 3n, 2n]);
  expect([0, 1].map(distribute(4n, 2))).toEqual([2n, 2n]);
});

it('an amount lies on as few devices as can hold it', () => {
  const { devices, exact, share } = density(new Decimal('2.5'), new Decimal(1), new Decimal('0.1'));
  expect([devices, exact.toFixed(3), plainText(share)]).toEqual([3, '0.833', '0.8']);
});

describe('an amount that may not be fragmented', () => {
  const fits = (amount: string, capacity: string, ...free: readonly string[]) =>
    fitsUnfragmented(new Decimal(amount), devicesOf(capacity, ...free), new Decimal('0.1'));

  it('comes from one device, where one could hold it', () => {
    expect(fits('0.5', '1', '0.4', '0.5')).toBe(true);
    expect(fits('0.6', '1', '0.5', '0.5')).toBe(false);
  });

  it('comes from more devices than it takes, as long as they give the same', () => {
    expect(fits('1.5', '1', '0.5', '0.5', '0.5')).toBe(true);
    expect(fits('1.5', '1', '1', '0.5')).toBe(false);
    expect(fits('1.5', '1', '0.7', '0.7')).toBe(false);
  });

  it('needs devices that can give what the quantum leaves over', () => {
    expect(fits('1.3', '1', '0.7', '0.6')).toBe(true);
    expect(fits('1.3', '1', '0.6', '0.6')).toBe(false);
  });

  it('comes from no device that can hold nothing', () => {
    expect(fits('1', '0', '0')).toBe(false);
    expect(fits('1', '1')).toBe(false);
  });
});
