/**
 * A kernel's allocation as a list, in which the order of slots and devices survives being written down: an object with
 * names like numbers would be put in their order. For the journal and the container's labels. Pure.
 */
import { parseDecimal, plainText } from '../lib/decimal.ts';
import type { DeviceAmounts } from './allocation.ts';
import type { KernelAllocation } from './allocator.ts';
import { deviceOfSlot } from './slot-name.ts';

/** What is held of one device; the amount is a decimal text. */
export type DeviceShare = readonly [slot: string, device: string, amount: string];

/** The list. */
export const sharesOf = (allocation: KernelAllocation): readonly DeviceShare[] =>
  [...allocation.values()].flatMap((ofType) =>
    [...ofType].flatMap(([slot, amounts]) =>
      [...amounts].map(([id, amount]): DeviceShare => [slot, id, plainText(amount)]),
    ),
  );

/** The allocation of a list. Throws INVALID_ARGUMENT for an amount that isn't a number. */
export function allocationOf(shares: Iterable<DeviceShare>): KernelAllocation {
  const allocation = new Map<string, Map<string, DeviceAmounts>>();
  for (const [slot, device, amount] of shares) {
    const type = deviceOfSlot(slot);
    const ofType = allocation.get(type) ?? new Map<string, DeviceAmounts>();
    const amounts = ofType.get(slot) ?? new Map();
    ofType.set(slot, new Map([...amounts, [device, parseDecimal(amount, `the amount of ${slot} ${device}`)]]));
    allocation.set(type, ofType);
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
