/** Takes all of one device before the next is touched (spec resources-and-stats 7.4 and 7.6). */
import { cut, isAboveZero, least, sum } from '../lib/decimal.ts';
import type { Share } from './allocation.ts';
import { ResourceError } from './resource-error.ts';
import type { Strategy, StrategyInput } from './strategy.ts';

/** Of whole devices: parts of a device that are left over don't count towards the total. */
export const discreteFill: Strategy = (input) => fill(input, 'discrete', ({ free }) => cut(free));

/** Of fractions of devices. */
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
    const share = least(need, device.free);
    shares.push([device, share]);
    need = need.minus(share);
  }
  return shares;
}
