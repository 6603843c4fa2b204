/** Spreads whole units over as many devices as there are (spec resources-and-stats 7.5). */
import { cut, Decimal, least, zero } from '../lib/decimal.ts';
import type { DeviceState, Share } from './allocation.ts';
import { insufficient, resourceError } from './resource-error.ts';
import type { Strategy } from './strategy.ts';

const mostRounds = 100;
const map = 'DiscretePropertyAllocMap';

/** Equal shares; what one device can't give is shared out again. Only devices with something left change. */
export const discreteEvenly: Strategy = ({ ask, candidates, devices }) => {
  const given = new Map<DeviceState, Decimal>();
  const left = (device: DeviceState): Decimal => {
    const share = given.get(device);
    return share === undefined ? device.free : device.free.minus(share);
  };
  let need = cut(ask.amount);
  for (let round = 0; need.gt(0); round += 1) {
    if (round === mostRounds) throw resourceError('ResourceError', 'too many repeats until allocation');
    let total = zero;
    for (const device of devices) if (device.free.gt(0)) total = total.plus(left(device));
    total = cut(total);
    if (total.lt(need)) throw insufficient(`${map}: insufficient allocatable amount!`, ask, total);
    const open = candidates.filter((device) => left(device).gt(0));
    if (open.length === 0) {
      throw insufficient(`${map}: insufficient allocatable candidate devices!`, ask, total);
    }
    const parts = distribute(need, open.length);
    for (const [place, device] of open.entries()) {
      if (!need.gt(0)) break;
      const share = least(cut(left(device)), parts(place));
      given.set(device, (given.get(device) ?? zero).plus(share));
      need = need.minus(share);
    }
  }
  return devices.flatMap((device): Share[] => {
    const share = given.get(device);
    return share?.gt(0) ? [[device, share]] : [];
  });
};

/** Splits a whole number over groups: the quotient each, and one more for as many of the first as remain. */
export function distribute(items: Decimal, groups: number): (place: number) => Decimal {
  const each = items.divToInt(groups);
  const extra = items.minus(each.times(groups)).toNumber();
  const more = each.plus(1);
  return (place) => (place < extra ? more : each);
}

/** All parts of a split, as plain numbers. */
export const distributed = (items: number, groups: number): readonly number[] =>
  Array.from({ length: groups }, (_, place) => distribute(new Decimal(items), groups)(place).toNumber());
