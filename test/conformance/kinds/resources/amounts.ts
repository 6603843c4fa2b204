/** What managers do with amounts of slots, which vectors describe and an agent has no need of. */
import { type Decimal, parseDecimal, roundEven } from '../../../../src/lib/decimal.ts';
import { parseBinarySize } from '../../../../src/resources/binary-size.ts';
import type { SlotAmounts } from '../../../../src/resources/slot-amounts.ts';
import type { SlotType } from '../../../../src/resources/slot-name.ts';

/** Reads one amount as its slot's type says: a size, or a number rounded to three digits. */
export function parseSlotAmount(slot: string, text: string, type: SlotType): Decimal {
  try {
    return type === 'bytes' ? parseBinarySize(text) : roundEven(parseDecimal(text), 3);
  } catch (cause) {
    throw new Error(`Cannot convert the slot '${slot}' to decimal: '${text}'`, { cause });
  }
}

/** Compares slot by slot; `atMost`: no slot has more on the left. */
export function compareSlots(
  left: SlotAmounts,
  right: SlotAmounts,
): { readonly equal: boolean; readonly atMost: boolean; readonly atLeast: boolean } {
  let [atMost, atLeast] = [true, true];
  for (const slot of new Set([...left.keys(), ...right.keys()])) {
    const [a, b] = [left.get(slot) ?? parseDecimal('0'), right.get(slot) ?? parseDecimal('0')];
    if (a.gt(b)) atMost = false;
    if (a.lt(b)) atLeast = false;
  }
  return { equal: atMost && atLeast, atMost, atLeast };
}

/** Cuts the usable memory to whole units (26.8); the remainder of the total counts twice, as it does upstream. */
export function alignMemory(
  total: Decimal,
  reserved: Decimal,
  align: Decimal,
): { readonly usable: Decimal; readonly reserved: Decimal } {
  const rounded = total.plus(total.mod(align)).minus(reserved);
  const usable = rounded.minus(rounded.mod(align));
  return { usable, reserved: total.minus(usable) };
}
