/** Doing something until it succeeds: the services of a cluster come and go, and the agent stays. */
import { Backoff } from './backoff.ts';
import type { Clock } from './clock.ts';
import type { Logger } from './log.ts';

/** How to retry. */
export interface RetryForeverOptions {
  /** What is being done, for the log: "the registration of this node". */
  readonly what: string;
  readonly clock: Clock;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

/**
 * Repeats the operation with pauses of 0.5 to 15 s until it succeeds. The first failure of a row is logged, and every
 * tenth. Rejects with the signal's reason only.
 */
export async function retryForever<T>(
  options: RetryForeverOptions,
  operation: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const { what, clock, log, signal } = options;
  const backoff = new Backoff({ initialMs: 500, maximumMs: 15_000, clock });
  for (;;) {
    signal.throwIfAborted();
    try {
      const result = await operation(signal);
      if (backoff.attempts > 0) log.info(`${what} has succeeded after ${backoff.attempts} failures`);
      return result;
    } catch (error) {
      signal.throwIfAborted();
      if (backoff.attempts % 10 === 0) log.warn(`${what} has failed; trying again`, { error });
    }
    await backoff.wait(signal);
  }
}
