/** What of the node is reported to be there (spec resources-and-stats 11 and 17.3). Pure. */
import { type Decimal, zero } from '../lib/decimal.ts';
import { KerneletError } from '../lib/errors.ts';
import type { SlotAmounts } from './slot-amounts.ts';

const vital = ['cpu', 'mem'];

/**
 * What the plugins found less what is kept back, never below 0. Throws INVALID_CONFIG when nothing of cpu or mem is
 * left; an accelerator may have nothing.
 */
export function reportedCapacity(found: SlotAmounts, reserved: SlotAmounts): SlotAmounts {
  return new Map(
    [...found].map(([slot, amount]) => {
      const left = amount.minus(reserved.get(slot) ?? zero);
      if (left.gt(0)) return [slot, left] as const;
      if (!vital.includes(slot)) return [slot, zero] as const;
      throw new KerneletError(
        'INVALID_CONFIG',
        `The resource slot '${slot}' is not sufficient (zero or below zero). Try to adjust the reserved resources or use a larger machine.`,
      );
    }),
  );
}

/** Memory in whole units of `align`, and what of it is thereby kept back. */
export interface AlignedMemory {
  readonly usable: Decimal;
  readonly reserved: Decimal;
}

/** Cuts the usable memory to whole units (26.8); the remainder of the total counts twice, as it does upstream. */
export function alignMemory(total: Decimal, reserved: Decimal, align: Decimal): AlignedMemory {
  const rounded = total.plus(total.mod(align)).minus(reserved);
  const usable = rounded.minus(rounded.mod(align));
  return { usable, reserved: total.minus(usable) };
}
