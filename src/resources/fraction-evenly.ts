/**
 * Takes a fraction from one device when one has it, else spreads it as evenly as it goes over as few devices as it
 * goes (spec resources-and-stats 7.6). Amounts are hundredths.
 */
import { cut, Decimal, floorTo, roundEven, sum, zero } from '../lib/decimal.ts';
import type { DeviceState, Share } from './allocation.ts';
import { ResourceError } from './resource-error.ts';
import type { Strategy } from './strategy.ts';

const places = 2;
const digit = new Decimal('0.01');

/** The smallest amount that a device must have left to be of use, where a request names none. */
export const defaultLeastUseful = digit;

interface Assignment {
  readonly shares: readonly Share[];
  /** 0 when all shares are equal, the more below the more they differ. */
  readonly evenness: Decimal;
}

/** Best fit on one device, else the most even spread. */
export const fractionEvenly: Strategy = ({ ask, candidates, leastUseful }) => {
  const floor = roundEven(leastUseful, places);
  const open = candidates.filter(({ free }) => free.gte(floor));
  const total = sum(open.map(({ free }) => free));
  const [first] = open;
  if (!first || roundEven(total, places).lt(roundEven(ask.amount, places))) {
    throw new ResourceError({ kind: 'insufficient', map: 'fraction', lack: 'amount', ask, available: total });
  }
  if (ask.amount.lte(first.free)) {
    const fullest = open.findLast(({ free }) => ask.amount.lte(free)) ?? first;
    return [[fullest, roundEven(ask.amount, places)]];
  }
  return spread(ask.amount, open);
};

/**
 * The best over windows of 2, 3, … neighbours. More devices are taken only when the shares are more equal for it, so
 * the first that are all equal end the search.
 */
function spread(amount: Decimal, open: readonly DeviceState[]): readonly Share[] {
  const sums = prefixSums(open);
  const between = (from: number, to: number): Decimal =>
    roundEven((sums[to] ?? zero).minus(sums[from] ?? zero), places);
  const wanted = roundEven(amount, places);
  let best: Assignment | undefined;
  for (let size = 1; size <= open.length; size += 1) {
    if (between(0, size).lt(wanted)) continue;
    const first = assign(amount, open.slice(0, size));
    let last = first;
    for (let from = 1; from + size <= open.length && between(from, from + size).gte(wanted); from += 1) {
      const next = assign(amount, open.slice(from, from + size));
      if (next.evenness.lt(first.evenness)) break;
      last = next;
    }
    if (!best || last.evenness.gt(best.evenness)) best = last;
    if (best.evenness.isZero()) break;
  }
  return best?.shares ?? [];
}

function prefixSums(open: readonly DeviceState[]): readonly Decimal[] {
  const sums = [zero];
  for (const { free } of open) sums.push((sums.at(-1) ?? zero).plus(free));
  return sums;
}

/**
 * Shares the amount over a window. Where a hint put a full device before a freer one, that one may be given more than
 * it has; then the freest come first.
 */
function assign(amount: Decimal, window: readonly DeviceState[]): Assignment {
  const shares = shareOut(amount, window);
  const isBeyond = shares.some(([{ free }, share]) => share.gt(roundEven(free, places)));
  const good = isBeyond
    ? shareOut(
        amount,
        window.toSorted((left, right) => right.free.cmp(left.free)),
      )
    : shares;
  return { shares: good, evenness: evenness(good) };
}

/** Devices that have less than an equal share, from the tail, give all they have; the others share the rest equally. */
function shareOut(amount: Decimal, window: readonly DeviceState[]): readonly Share[] {
  const shares: Share[] = [];
  let rest = amount;
  let sharing = window.length;
  for (; sharing > 0; sharing -= 1) {
    const device = window[sharing - 1];
    if (!device?.free.lt(rest.div(sharing))) break;
    const all = roundEven(device.free, places);
    shares.push([device, all]);
    rest = rest.minus(all);
  }
  if (sharing > 0) {
    const each = cut(rest.div(sharing), places);
    const digits = roundEven(rest.minus(each.times(sharing)).times(100), 0).toNumber();
    for (const [place, device] of window.slice(0, sharing).entries()) {
      shares.push([device, place < digits ? each.plus(digit) : each]);
    }
  }
  return shares;
}

function evenness(shares: readonly Share[]): Decimal {
  let [low, high] = [shares[0]?.[1] ?? zero, shares[0]?.[1] ?? zero];
  for (const [, share] of shares) {
    if (share.lt(low)) low = share;
    else if (share.gt(high)) high = share;
  }
  return low.minus(high);
}

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
