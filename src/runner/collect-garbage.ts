/** What a runner leaves in memory counts as the tenant's: garbage is collected sooner than V8 would. */
import { collectEvery } from '../lib/buffer-garbage.ts';
import type { Clock } from '../lib/clock.ts';

/** By then the interpreter is up as well. */
const settledAfterMs = 1000;

/** Tells of output, in bytes, that has passed through the runner. */
export const outputPassed = collectEvery(4 * 1024 * 1024);

/** The start is over: what it left is given back to the system a little later, since many kernels stay idle. */
export function startIsOver(clock: Clock): void {
  clock.after(settledAfterMs, () => globalThis.gc?.({ type: 'major', flavor: 'last-resort' })).unref();
}
