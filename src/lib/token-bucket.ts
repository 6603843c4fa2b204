/** A rate with a burst: so much at once, and so much a second from then on. What is beyond that is refused. */
import type { Clock } from './clock.ts';

/** How much a bucket lets through. */
export interface TokenBucketOptions {
  readonly clock: Pick<Clock, 'monotonic'>;
  /** How much may be taken at once, by one who has not taken anything for a while. */
  readonly burst: number;
  /** How much may be taken each second, on and on. */
  readonly perSecond: number;
}

/** Full at first. What cannot be taken stays in it, so that a taker who is refused loses nothing by asking. */
export class TokenBucket {
  readonly #options: TokenBucketOptions;
  #tokens: number;
  #filledAt: number;

  constructor(options: TokenBucketOptions) {
    this.#options = options;
    this.#tokens = options.burst;
    this.#filledAt = options.clock.monotonic();
  }

  /** Takes so much, or nothing when there is less; whether it was taken. */
  take(amount = 1): boolean {
    const { clock, perSecond } = this.#options;
    const now = clock.monotonic();
    this.give(((now - this.#filledAt) / 1000) * perSecond);
    this.#filledAt = now;
    if (this.#tokens < amount) return false;
    this.#tokens -= amount;
    return true;
  }

  /** Allows so much more, up to the burst: for what the other side was asked for. */
  give(amount: number): void {
    this.#tokens = Math.min(this.#options.burst, this.#tokens + amount);
  }
}
