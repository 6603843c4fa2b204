/** Amounts by slot: their text forms, and how they compare (spec resources-and-stats 1.4 and 1.6). */
import { type Decimal, parseDecimal, plainText, roundEven, zero } from '../lib/decimal.ts';
import { KerneletError } from '../lib/errors.ts';
import { parseBinarySize } from './binary-size.ts';
import type { KnownSlots, SlotType } from './slot-name.ts';

/** Amounts by slot, in the order in which they were given; an absent slot is 0. */
export type SlotAmounts = ReadonlyMap<string, Decimal>;

/** Reads a JSON map of amounts; null means absent. Throws INVALID_ARGUMENT naming the slot. */
export function parseSlotAmounts(map: Readonly<Record<string, unknown>>): SlotAmounts {
  const amounts = new Map<string, Decimal>();
  for (const [slot, value] of Object.entries(map)) {
    if (value === null || value === undefined) continue;
    if (typeof value !== 'string' && typeof value !== 'number') throw unreadable(slot, value);
    amounts.set(slot, parseDecimal(String(value), `the amount of the slot ${slot}`));
  }
  return amounts;
}

/** The map for JSON: plain texts, infinities spelled out. */
export const formatSlotAmounts = (amounts: SlotAmounts): Readonly<Record<string, string>> =>
  Object.fromEntries([...amounts].map(([slot, amount]) => [slot, plainText(amount)]));

/**
 * Reads one amount as its slot's type says: a size, or a number rounded to three digits. Throws INVALID_ARGUMENT with
 * the manager's words.
 */
export function parseSlotAmount(slot: string, text: string, type: SlotType): Decimal {
  try {
    return type === 'bytes' ? parseBinarySize(text) : roundEven(parseDecimal(text), 3);
  } catch (error) {
    throw unreadable(slot, text, error);
  }
}

/** The amounts of all known slots, 0 where none is given; unknown slots are left out. */
export function normaliseToKnown(amounts: SlotAmounts, known: KnownSlots): SlotAmounts {
  return new Map([...known.keys()].map((slot) => [slot, amounts.get(slot) ?? zero]));
}

/** How two maps compare, slot by slot. */
export interface SlotComparison {
  readonly equal: boolean;
  /** No slot has more on the left. */
  readonly atMost: boolean;
  /** No slot has less on the left. */
  readonly atLeast: boolean;
}

/** Compares slot by slot. */
export function compareSlots(left: SlotAmounts, right: SlotAmounts): SlotComparison {
  let [atMost, atLeast] = [true, true];
  for (const slot of new Set([...left.keys(), ...right.keys()])) {
    const [a, b] = [left.get(slot) ?? zero, right.get(slot) ?? zero];
    if (a.gt(b)) atMost = false;
    if (a.lt(b)) atLeast = false;
  }
  return { equal: atMost && atLeast, atMost, atLeast };
}

const unreadable = (slot: string, value: unknown, cause?: unknown): KerneletError =>
  new KerneletError('INVALID_ARGUMENT', `Cannot convert the slot '${slot}' to decimal: '${String(value)}'`, { cause });
