/** Jobs that come again and again: they never overlap, and a failing round doesn't end them. */
import { type Clock, sleep } from './clock.ts';
import type { Logger } from './log.ts';

/** A periodic job. */
export interface PeriodicJob {
  readonly name: string;
  /** From the end of a round to the begin of the next. */
  readonly pauseMs: number;
  round(signal: AbortSignal): Promise<void>;
}

/** Runs the job until the signal aborts; resolves then, after the round under way. */
export async function runPeriodically(job: PeriodicJob, clock: Clock, log: Logger, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      await sleep(clock, job.pauseMs, signal);
      await job.round(signal);
    } catch (error) {
      if (signal.aborted) return;
      log.warn('a periodic job failed', { job: job.name, error });
    }
  }
}
