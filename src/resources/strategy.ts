/**
 * How an amount of one slot is taken from its devices: what a strategy is, the simplest, which takes all of one
 * device before the next, and those that take as evenly as they can (spec resources-and-stats 7.4 to 7.7).
 */
import { cut, Decimal, floorTo, isAboveZero, min, plainText, roundEven, sum, zero } from '../lib/decimal.ts';
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

const maxRounds = 100;

/**
 * Equal shares; what one device can't give is shared out again. Only devices with something left change. One that has less
 * than a unit left counts when shares are made, as it does upstream, but never keeps the others from giving.
 */
export const discreteEvenly: Strategy = ({ ask, candidates, devices }) => {
  const total = wholeTotal(devices);
  const insufficient = (lack: 'amount' | 'candidates') =>
    new ResourceError({ kind: 'insufficient', map: 'discrete', lack, ask, available: new Decimal(String(total)) });
  const whole = cut(ask.amount);
  if (whole.gt(String(total))) throw insufficient('amount');

  const granted = new Map<DeviceState, bigint>();
  const grantOf = (device: DeviceState): bigint => granted.get(device) ?? 0n;
  const hasWhole = (device: DeviceState): boolean => device.level.wholeFree > grantOf(device);
  let need = BigInt(plainText(whole));
  let open = candidates;
  for (let round = 0; need > 0n; round += 1) {
    open = open.filter((device) => hasWhole(device) || !device.level.partFree.isZero());
    if (open.length === 0) throw insufficient('candidates');
    const before = need;
    const parts = distribute(need, open.length);
    for (const [place, device] of open.entries()) {
      if (need === 0n) break;
      const left = device.level.wholeFree - grantOf(device);
      let share = parts(place);
      if (share > left) share = left;
      granted.set(device, grantOf(device) + share);
      need -= share;
    }
    if (need < before && round < maxRounds) continue;
    open = open.filter(hasWhole);
    if (need > 0n && open.length === 0) throw new ResourceError({ kind: 'endless-spread' });
  }
  // Shares are few different numbers, however many the devices.
  const amounts = new Map<bigint, Decimal>();
  const shares: Share[] = [];
  for (const device of devices) {
    const share = granted.get(device);
    if (share === undefined || share === 0n) continue;
    const amount = amounts.get(share) ?? new Decimal(String(share));
    amounts.set(share, amount);
    shares.push([device, amount]);
  }
  return shares;
};

/** Whole units that are left of all devices together: parts of several may add up to one. */
function wholeTotal(devices: readonly DeviceState[]): bigint {
  let total = 0n;
  let parts = zero;
  for (const { level } of devices) {
    total += level.wholeFree;
    if (!level.partFree.isZero()) parts = parts.plus(level.partFree);
  }
  return total + BigInt(plainText(cut(parts)));
}

/** Splits a whole number over groups: the quotient each, and one more for as many of the first as remain. */
export function distribute(items: bigint, groups: number): (place: number) => bigint {
  const each = items / BigInt(groups);
  const [more, extra] = [each + 1n, Number(items % BigInt(groups))];
  return (place) => (place < extra ? more : each);
}

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
  const fullest = open.findLast(({ free }) => ask.amount.lte(free));
  if (fullest && ask.amount.lte(first.free)) return [[fullest, roundEven(ask.amount, places)]];
  return spread(ask.amount, open);
};

/**
 * The best over windows of 2, 3, … neighbours. More devices are taken only when the shares are more equal for it, so
 * the first that are all equal end the search.
 */
function spread(amount: Decimal, open: readonly DeviceState[]): readonly Share[] {
  const sums = prefixSums(open);
  const between = (from: number, to: number): Decimal =>
    roundEven((sums[to] as Decimal).minus(sums[from] as Decimal), places);
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
  let total = zero;
  const sums = [total];
  for (const { free } of open) {
    total = total.plus(free);
    sums.push(total);
  }
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
  const amounts = shares.map(([, share]) => share);
  return Decimal.min(...amounts).minus(Decimal.max(...amounts));
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
