/** How an amount of one slot is taken from its devices: what a strategy is, and the simplest, which takes all of one device before the next (spec resources-and-stats 7.4 and 7.6). */
import { cut, type Decimal, isAboveZero, min, sum } from '../lib/decimal.ts';
import type { DeviceState, Share } from './allocation.ts';
import { ResourceError, type SlotAsk } from './resource-error.ts';

/** What a strategy decides from. */
export interface StrategyInput {
  readonly ask: SlotAsk;
  /** The devices that may give, in the order in which they are tried. */
  readonly candidates: readonly DeviceState[];
  /** All devices of the slot, in device order. */
  readonly devices: readonly DeviceState[];
  /** Devices with less than this left are passed over where amounts are fractions. */
  readonly leastUseful: Decimal;
}

/** Decides which device gives how much, in the order of the result. Pure. Throws ResourceError when it cannot be had. */
export type Strategy = (input: StrategyInput) => readonly Share[];

/** Of whole devices: parts of a device that are left over don't count towards the total. */
export const discreteFill: Strategy = (input) => fill(input, 'discrete', ({ free }) => cut(free));

/** Fills one device after the other, with fractions of units too. */
export const fractionFill: Strategy = (input) => fill(input, 'fraction', ({ free }) => free);

function fill(
  { ask, candidates }: StrategyInput,
  map: 'discrete' | 'fraction',
  countable: (device: Share[0]) => Share[1],
): readonly Share[] {
  const total = sum(candidates.map(countable));
  if (total.lt(ask.amount)) {
    throw new ResourceError({ kind: 'insufficient', map, lack: 'amount', ask, available: total });
  }
  const shares: Share[] = [];
  let need = ask.amount;
  for (const device of candidates) {
    if (!isAboveZero(need)) break;
    if (!isAboveZero(device.free)) continue;
    const share = min(need, device.free);
    shares.push([device, share]);
    need = need.minus(share);
  }
  return shares;
}
