/** Spreads whole units over as many devices as there are (spec resources-and-stats 7.5). */
import { cut, Decimal, plainText, zero } from '../lib/decimal.ts';
import type { DeviceState, Share } from './allocation.ts';
import { ResourceError } from './resource-error.ts';
import type { Strategy } from './strategy.ts';

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
