/**
 * Doing something again: after growing pauses until it succeeds, whenever it has ended, or round after round. The services
 * that the agent uses come and go, and the agent stays.
 */
import { type Clock, sleep, systemClock } from './clock.ts';
import type { Logger } from './log.ts';

/** How long the pauses between attempts are. */
export interface BackoffOptions {
  /** The first pause before jitter. */
  readonly initialMs: number;
  /** The bound up to which pauses grow. */
  readonly maximumMs: number;
  /** How many pauses are as long as the first before they grow; 1 when absent. */
  readonly steadyPauses?: number;
  /** Growth of each pause over the last; 2 when absent. */
  readonly factor?: number;
  /** The part of a pause that is random, 0 to 1; 0.5 when absent: a pause of 100 lasts 50 to 100. */
  readonly jitter?: number;
  readonly clock?: Clock;
  /** A number of [0, 1). */
  readonly random?: () => number;
}

/** A series of growing, jittered pauses, so that many clients don't come back in step. */
export class Backoff {
  readonly #options: Required<BackoffOptions>;
  #attempts = 0;

  constructor(options: BackoffOptions) {
    this.#options = { steadyPauses: 1, factor: 2, jitter: 0.5, clock: systemClock, random: Math.random, ...options };
  }

  /** How many pauses were taken since the start or the last reset. */
  get attempts(): number {
    return this.#attempts;
  }

  /** The next pause in milliseconds; counts as taken. */
  nextMs(): number {
    const { initialMs, maximumMs, steadyPauses, factor, jitter, random } = this.#options;
    this.#attempts += 1;
    const full = Math.min(maximumMs, initialMs * factor ** Math.max(0, this.#attempts - steadyPauses));
    return full * (1 - jitter * random());
  }

  /** Waits for the next pause. Rejects with the signal's reason when it aborts first. */
  wait(signal?: AbortSignal): Promise<void> {
    return sleep(this.#options.clock, this.nextMs(), signal);
  }

  /** Begins the series again, after a success. */
  reset(): void {
    this.#attempts = 0;
  }
}

/** How often to try again, and after what. */
export interface RetryOptions {
  readonly backoff: Backoff;
  readonly signal: AbortSignal;
  /** Whether another attempt may succeed; asked once for each failure. */
  readonly isRetryable: (error: unknown) => boolean;
}

/** Repeats the operation until it succeeds. Rejects with a failure that is not retryable, or the signal's reason. */
export async function retry<T>(options: RetryOptions, operation: () => Promise<T>): Promise<T> {
  const { backoff, signal, isRetryable } = options;
  for (;;) {
    signal.throwIfAborted();
    try {
      return await operation();
    } catch (error) {
      signal.throwIfAborted();
      if (!isRetryable(error)) throw error;
    }
    await backoff.wait(signal);
  }
}

/** Work that is not to end before its signal aborts. */
export interface LastingWork {
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
  { what, clock, log, signal }: LastingWork,
  operation: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const backoff = new Backoff({ initialMs: 500, maximumMs: 15_000, clock });
  const isRetryable = (error: unknown): boolean => {
    if (backoff.attempts % 10 === 0) log.warn(`${what} has failed; trying again`, { error });
    return true;
  };
  const result = await retry({ backoff, signal, isRetryable }, () => operation(signal));
  if (backoff.attempts > 0) log.info(`${what} has succeeded after ${backoff.attempts} failures`);
  return result;
}

/**
 * Keeps a job going until the signal aborts, and resolves then: one that ends or fails before is started again, after
 * pauses of 1 s to `maxPauseMs` (30 s when absent), short again for a job that has lived longer than that. Never rejects.
 */
export async function supervise(
  { what, clock, log, signal, maxPauseMs = 30_000 }: LastingWork & { readonly maxPauseMs?: number },
  job: (signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const backoff = new Backoff({ initialMs: Math.min(1_000, maxPauseMs), maximumMs: maxPauseMs, clock });
  while (!signal.aborted) {
    const startedAt = clock.monotonic();
    try {
      await job(signal);
    } catch (error) {
      if (!signal.aborted) log.error(`${what} has failed; it is started again`, { error });
    }
    if (clock.monotonic() - startedAt > maxPauseMs) backoff.reset();
    if (!signal.aborted) await backoff.wait(signal).catch(() => {});
  }
}

/** A job that comes round after round: they never overlap, and a failing one doesn't end the job. */
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
