/** How an amount of one slot is taken from its devices. */
import type { Decimal } from '../lib/decimal.ts';
import type { DeviceState, Share } from './allocation.ts';
import type { SlotAsk } from './resource-error.ts';

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
