/**
 * A kernel's allocation as a list, in which the order of slots and devices survives being written down: an object with
 * names like numbers would be put in their order. For the journal and the container's labels. Pure.
 */
import { type Decimal, parseDecimal, plainText } from '../lib/decimal.ts';
import type { KernelAllocation } from './allocator.ts';
import { deviceOfSlot } from './slot-name.ts';

/** What is held of one device; the amount is a decimal text. */
export type DeviceShare = readonly [slot: string, device: string, amount: string];

/** The shares of an allocation as a list, in its order: the form for JSON and labels. */
export function sharesOf(allocation: KernelAllocation): readonly DeviceShare[] {
  const shares: DeviceShare[] = [];
  // Amounts are few, however many the devices.
  const texts = new Map<Decimal, string>();
  for (const ofType of allocation.values()) {
    for (const [slot, amounts] of ofType) {
      for (const [id, amount] of amounts) {
        const text = texts.get(amount) ?? plainText(amount);
        texts.set(amount, text);
        shares.push([slot, id, text]);
      }
    }
  }
  return shares;
}

/** The allocation of a list. Throws INVALID_ARGUMENT for an amount that isn't a number. */
export function allocationOf(shares: Iterable<DeviceShare>): KernelAllocation {
  const allocation = new Map<string, Map<string, Map<string, Decimal>>>();
  for (const [slot, device, amount] of shares) {
    const type = deviceOfSlot(slot);
    const ofType = allocation.get(type) ?? new Map<string, Map<string, Decimal>>();
    const amounts = ofType.get(slot) ?? new Map<string, Decimal>();
    amounts.set(device, parseDecimal(amount, `the amount of ${slot} ${device}`));
    allocation.set(type, ofType.set(slot, amounts));
  }
  return allocation;
}

/** Whether two lists hold the same of every device, in whatever order; what is 0 doesn't count. */
export function areSameShares(left: readonly DeviceShare[], right: readonly DeviceShare[]): boolean {
  const [a, b] = [comparable(left), comparable(right)];
  return a.length === b.length && a.every((share, index) => share === b[index]);
}

const comparable = (shares: readonly DeviceShare[]): readonly string[] =>
  shares
    .map(([slot, device, amount]) => [slot, device, plainText(parseDecimal(amount))])
    .filter(([, , amount]) => amount !== '0')
    .map((share) => JSON.stringify(share))
    .sort();
