/**
 * Whether a runner answers. One that owes an answer for too long is unreachable until it is heard again: its container is
 * paused, it is stopped or stuck, or its socket is gone. That ends nothing, and callers do not wait for it for ever.
 */
import type { Clock, Timer } from '../lib/clock.ts';
import type { KerneletError } from '../lib/errors.ts';
import { unreachable } from './runner-errors.ts';

/** How patient to be, in milliseconds, and whom to tell. */
export interface ReachabilityOptions {
  readonly clock: Clock;
  /** How long it may owe an answer: that of several heartbeats, or a connection. */
  readonly afterMs: number;
  /** How long followers of runs wait for one that is unreachable. */
  readonly patienceMs: number;
  readonly onLost: (error: KerneletError) => void;
  readonly onPatienceOver: (error: KerneletError) => void;
  readonly onFound: () => void;
}

/** The state of one runner; begins as one that is asked. */
export class Reachability implements Disposable {
  readonly #options: ReachabilityOptions;
  #timer: Timer | null = null;
  #askedAt = 0;
  #problem: KerneletError | null = null;
  #isSuspended = false;

  constructor(options: ReachabilityOptions) {
    this.#options = options;
    this.asked();
  }

  /** Why it cannot be used now; null while it answers. */
  get problem(): KerneletError | null {
    return this.#problem;
  }

  /** Since when it owes an answer, in milliseconds since the epoch; null while it answers. */
  get since(): number | null {
    return this.#problem && this.#askedAt;
  }

  /** It owes an answer from now on, unless it does already. */
  asked(): void {
    if (this.#timer || this.#problem || this.#isSuspended) return;
    this.#askedAt = this.#options.clock.now();
    this.#arm(this.#options.afterMs, () => this.#lose());
  }

  /** Whether it owes nothing for now. */
  get isSuspended(): boolean {
    return this.#isSuspended;
  }

  /** It stands still on purpose, or goes on. */
  suspend(isSuspended: boolean): void {
    this.#isSuspended = isSuspended;
    if (isSuspended) this.heard();
  }

  /** Something has come from it. */
  heard(): void {
    this.#timer?.[Symbol.dispose]();
    this.#timer = null;
    if (!this.#problem) return;
    this.#problem = null;
    this.#options.onFound();
  }

  [Symbol.dispose](): void {
    this.#timer?.[Symbol.dispose]();
  }

  #lose(): void {
    const error = unreachable(this.#askedAt);
    this.#problem = error;
    this.#arm(this.#options.patienceMs, () => this.#options.onPatienceOver(error));
    this.#options.onLost(error);
  }

  #arm(delayMs: number, callback: () => void): void {
    this.#timer = this.#options.clock.after(delayMs, callback);
    this.#timer.unref();
  }
}
