/** Whether a fraction can be had from evenly used devices (spec resources-and-stats 17.2). Pure. */
import { type Decimal, floorTo } from '../lib/decimal.ts';
import type { DeviceState } from './allocation.ts';

/** An amount over a number of devices of one capacity. */
export interface Density {
  /** The fewest devices that it takes. */
  readonly devices: number;
  /** What each gives, exactly and as a multiple of the quantum. */
  readonly exact: Decimal;
  readonly share: Decimal;
}

/** How dense an amount lies on the fewest devices of a capacity. */
export function density(amount: Decimal, capacity: Decimal, quantum: Decimal): Density {
  const devices = amount.div(capacity).ceil().toNumber();
  const exact = amount.div(devices);
  return { devices, exact, share: floorTo(exact, quantum) };
}

/**
 * Whether some number of the candidates can give equal shares, in multiples of the quantum: what is short of the amount
 * then goes to as many of them as it takes. An amount that one device could hold must come from one.
 */
export function fitsUnfragmented(amount: Decimal, candidates: readonly DeviceState[], quantum: Decimal): boolean {
  const capacity = candidates[0]?.level.amount;
  if (!capacity?.gt(0)) return false;
  const { devices } = density(amount, capacity, quantum);
  const most = amount.gt(capacity) ? candidates.length : devices;
  for (let count = devices; count <= most; count += 1) {
    const share = floorTo(amount.div(count), quantum);
    const extra = amount.minus(share.times(count)).div(quantum).ceil().toNumber();
    const holding = (least: Decimal): number => candidates.filter(({ free }) => free.gte(least)).length;
    if (holding(share) >= count && holding(share.plus(quantum)) >= extra) return true;
  }
  return false;
}
