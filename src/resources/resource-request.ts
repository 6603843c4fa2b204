/** What a creation request asks for, checked before anything is allocated (spec resources-and-stats 9.1 and 12). Pure. */
import { cut, type Decimal, plainText } from '../lib/decimal.ts';
import { ResourceError } from './resource-error.ts';
import { normaliseToKnown, parseSlotAmounts, type SlotAmounts } from './slot-amounts.ts';
import type { KnownSlots, SlotType } from './slot-name.ts';

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
