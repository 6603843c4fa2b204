/**
 * Which events stay when there is not room for all: the newest, but a kernel that has more than its share loses its own
 * first, so that one which floods the history takes nobody else's. Pure.
 */
import type { NumberedKernelEvent } from './kernel-event.ts';

/** Of the room, each kernel may have this part whatever others have: beyond as many kernels the oldest events go. */
const smallestShare = 1 / 300;

/** The events that stay, in order. `capacity` is in the unit of `weight`, which is 1 for each event when absent. */
export function keepFairly(
  events: readonly NumberedKernelEvent[],
  capacity: number,
  weight: (event: NumberedKernelEvent) => number = () => 1,
): NumberedKernelEvent[] {
  const weights = events.map(weight);
  const perKernel = new Map<string, number>();
  for (const [index, { event }] of events.entries()) {
    perKernel.set(event.kernelId, (perKernel.get(event.kernelId) ?? 0) + (weights[index] ?? 0));
  }
  const share = Math.max(fairShare([...perKernel.values()], capacity), capacity * smallestShare);
  const kept: NumberedKernelEvent[] = [];
  const taken = new Map<string, number>();
  let total = 0;
  for (let index = events.length - 1; index >= 0; index -= 1) {
    const event = events[index];
    const own = weights[index] ?? 0;
    if (!event) continue;
    const ofKernel = (taken.get(event.event.kernelId) ?? 0) + own;
    taken.set(event.event.kernelId, ofKernel);
    // The newest of each kernel says how it stands.
    if (ofKernel > share && ofKernel > own) continue;
    if (total + own > capacity) break;
    total += own;
    kept.push(event);
  }
  return kept.reverse();
}

/** The largest share with which all fit, when none gets more than it has. */
function fairShare(amounts: readonly number[], capacity: number): number {
  let left = capacity;
  let sharing = amounts.length;
  for (const amount of amounts.toSorted((a, b) => a - b)) {
    if (amount * sharing > left) return left / sharing;
    left -= amount;
    sharing -= 1;
  }
  return capacity;
}
