/** Amounts by slot: their text forms, what a request asks for, and what a node reports (spec resources-and-stats 1.4, 1.6, 9.1 and 11). Pure. */
import { cut, type Decimal, parseDecimal, plainText, zero } from '../lib/decimal.ts';
import { KerneletError } from '../lib/errors.ts';
import { ResourceError } from './resource-error.ts';
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

/** The amounts of all known slots, 0 where none is given; unknown slots are left out. */
export function normaliseToKnown(amounts: SlotAmounts, known: KnownSlots): SlotAmounts {
  return new Map([...known.keys()].map((slot) => [slot, amounts.get(slot) ?? zero]));
}

const unreadable = (slot: string, value: unknown, cause?: unknown): KerneletError =>
  new KerneletError('INVALID_ARGUMENT', `Cannot convert the slot '${slot}' to decimal: '${String(value)}'`, { cause });

/** Slots that no kernel and no node can be without. */
const vital = ['cpu', 'mem'];

/**
 * Every known slot with its amount, 0 where none is asked for. Throws ResourceError for a slot that this node hasn't,
 * for an amount that no device could give, and for none of cpu or mem.
 */
export function readResourceRequest(map: Readonly<Record<string, unknown>>, known: KnownSlots): SlotAmounts {
  const asked = parseSlotAmounts(map);
  for (const [slot, amount] of asked) {
    if (!known.has(slot) && !amount.isZero()) throw new ResourceError({ kind: 'unknown-slot', slot });
    checkSlotAmount(slot, amount, known.get(slot) ?? 'count');
  }
  for (const slot of vital) {
    if (!asked.get(slot)?.gt(0)) throw invalid(slot, 'must be asked for, with more than 0');
  }
  // Less than one core would be no core, which the engine takes for all of them. Parts beyond one are cut off.
  const cpu = asked.get('cpu');
  if (cpu && cut(cpu).isZero()) throw invalid('cpu', `must be one core at least, not ${plainText(cpu)}`);
  return normaliseToKnown(asked, known);
}

/** Checks one amount. Throws ResourceError for one that no device of the slot's type could give. */
export function checkSlotAmount(slot: string, amount: Decimal, type: SlotType): void {
  if (!amount.isFinite()) throw invalid(slot, `cannot be ${plainText(amount)}`);
  if (amount.isNegative() && !amount.isZero()) throw invalid(slot, `cannot be below 0, as ${plainText(amount)} is`);
  if (type === 'bytes' && !amount.isInteger()) throw invalid(slot, `must be whole bytes, not ${plainText(amount)}`);
  if (type === 'unique' && !amount.isZero() && !amount.eq(1)) {
    throw new ResourceError({ kind: 'only-one', slot });
  }
}

const invalid = (slot: string, problem: string): ResourceError =>
  new ResourceError({ kind: 'invalid-amount', slot, problem: `The amount of the slot '${slot}' ${problem}` });

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
