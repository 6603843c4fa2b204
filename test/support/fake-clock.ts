/** A clock for tests: time stands still until it is moved by hand. */
import type { Clock, Timer } from '../../src/lib/clock.ts';

interface Pending {
  readonly at: number;
  readonly order: number;
  readonly callback: () => void;
}

/** A clock that tests move. */
export class FakeClock implements Clock {
  #elapsed = 0;
  #order = 0;
  readonly #startedAt: number;
  readonly #pending = new Set<Pending>();

  /** `startedAt`: what `now()` says at first, in milliseconds since the epoch. */
  constructor(startedAt = 1_700_000_000_000) {
    this.#startedAt = startedAt;
  }

  /** How many timers are pending: 0 at the end of a test that leaks none. */
  get pending(): number {
    return this.#pending.size;
  }

  now(): number {
    return this.#startedAt + this.#elapsed;
  }

  monotonic(): number {
    return this.#elapsed;
  }

  after(delayMs: number, callback: () => void): Timer {
    this.#order += 1;
    const timer = { at: this.#elapsed + Math.max(0, delayMs), order: this.#order, callback };
    this.#pending.add(timer);
    return { unref() {}, [Symbol.dispose]: () => void this.#pending.delete(timer) };
  }

  /**
   * Moves time on, firing due timers in order at their own time, and lets promises settle before, between and after
   * them, so that timers that those set are fired too.
   */
  async advance(byMs: number): Promise<void> {
    const until = this.#elapsed + byMs;
    await settle();
    for (let timer = this.#due(until); timer; timer = this.#due(until)) {
      this.#pending.delete(timer);
      this.#elapsed = timer.at;
      timer.callback();
      await settle();
    }
    this.#elapsed = until;
    await settle();
  }

  #due(until: number): Pending | undefined {
    let first: Pending | undefined;
    for (const timer of this.#pending) {
      if (timer.at > until) continue;
      if (!first || timer.at < first.at || (timer.at === first.at && timer.order < first.order)) first = timer;
    }
    return first;
  }
}

/** One turn of the event loop: everything that promises alone can do is done. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
