/** Growing, jittered pauses between attempts, so that many clients don't come back in step. */
import { type Clock, sleep, systemClock } from './clock.ts';

/** How to make a back-off. */
export interface BackoffOptions {
  /** The first pause before jitter. */
  readonly initialMs: number;
  /** The longest pause. */
  readonly maximumMs: number;
  /** Growth of each pause over the last; 2 when absent. */
  readonly factor?: number;
  /** The part of a pause that is random, 0 to 1; 0.5 when absent: a pause of 100 lasts 50 to 100. */
  readonly jitter?: number;
  readonly clock?: Clock;
  /** A number of [0, 1). */
  readonly random?: () => number;
}

/** A series of pauses. */
export class Backoff {
  readonly #options: Required<BackoffOptions>;
  #attempts = 0;

  constructor(options: BackoffOptions) {
    this.#options = { factor: 2, jitter: 0.5, clock: systemClock, random: Math.random, ...options };
  }

  /** How many pauses were taken since the start or the last reset. */
  get attempts(): number {
    return this.#attempts;
  }

  /** The next pause in milliseconds; counts as taken. */
  nextMs(): number {
    const { initialMs, maximumMs, factor, jitter, random } = this.#options;
    const full = Math.min(maximumMs, initialMs * factor ** this.#attempts);
    this.#attempts += 1;
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
