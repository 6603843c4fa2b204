/** The size of a folder that a tenant has written in and writes in no more. */
import type { Clock } from '../lib/clock.ts';
import { withDeadline } from '../lib/deadline.ts';
import { YieldBudget } from '../lib/yield-budget.ts';
import { type WalkResult, walkSize } from './scratch-walk.ts';

/** One with a deep folder in it is as large at least as what lies above: nobody is to lose it for that. */
const bounds = { maxEntries: 1_000_000, deepest: 48, skipsDeeper: true } as const;
const deadlineMs = 3_600_000;
/** A tenth of the time, so that nobody notices. */
const share = { workMs: 10, restMs: 90 } as const;

/** Makes the function that finds it out: in the background, within bounds. It throws the system's error, and the signal's reason. */
export function measurer(clock: Clock): (folder: string, signal: AbortSignal) => Promise<WalkResult> {
  const shared = new YieldBudget({ ...share, clock });
  return async (folder, signal) => {
    const options = { what: `the size of ${folder}`, timeoutMs: deadlineMs, signal, clock };
    return await withDeadline(options, (deadline) => walkSize(folder, bounds, shared, deadline.signal));
  };
}
