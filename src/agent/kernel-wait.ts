/** Waits until a kernel is as somebody wants it. */
import type { KernelRegistry } from '../kernel/kernel-registry.ts';
import { type KernelRecord, pauseOf } from '../kernel/record.ts';
import { type Clock, sleep } from '../lib/clock.ts';
import { type AwaitedState, isReached } from './awaited-state.ts';

/** Between two looks at a kernel that somebody waits for. */
const lookMs = 100;

/** Whether a kernel is as somebody waits for. */
export const isAsAwaited = (record: KernelRecord, state: AwaitedState): boolean =>
  isReached(record.phase, pauseOf(record) !== null, state);

/** The kernel as it is when it is so, when it has ended, or after so many milliseconds. Throws the signal's reason. */
export async function awaitState(
  { kernels, clock }: { readonly kernels: Pick<KernelRegistry, 'get' | 'register'>; readonly clock: Clock },
  first: KernelRecord,
  { state, timeoutMs }: { readonly state: AwaitedState; readonly timeoutMs: number },
  signal: AbortSignal,
): Promise<KernelRecord> {
  const { id } = first.spec;
  let record = first;
  // One that is not kept among those that have ended is not found any more.
  const ended: { last?: KernelRecord } = {};
  using _hooks = kernels.register({
    ended: (last) => {
      if (last.spec.id === id) ended.last = last;
    },
  });
  const until = clock.monotonic() + timeoutMs;
  while (!isAsAwaited(record, state) && record.phase !== 'terminated') {
    const leftMs = until - clock.monotonic();
    if (leftMs <= 0) break;
    await sleep(clock, Math.min(lookMs, leftMs), signal);
    record = ended.last ?? kernels.get(id);
  }
  return record;
}
