/**
 * Time as a dependency. The core takes a Clock and never reads the system's; tests pass a FakeClock
 * (`fake-clock.ts`) and move it by hand.
 */
import { addAbortListener } from 'node:events';

/** A cancellable timer. Disposing it twice, or after it has fired, does nothing. */
export interface Timer extends Disposable {
  /** Lets the process end while this timer is pending. */
  unref(): void;
}

/** A source of time and of timers. */
export interface Clock {
  /** Milliseconds since the epoch, for people and records. */
  now(): number;
  /** Monotonic milliseconds, for measuring and deadlines. */
  monotonic(): number;
  /** Calls back once after `delayMs`. */
  after(delayMs: number, callback: () => void): Timer;
}

/** In milliseconds since the epoch: 2025, in which this program was not there yet. A clock that says less is wrong. */
export const earliestTime = Date.UTC(2025, 0, 1);

/** The longest delay that the platform's timers take. */
const maxDelayMs = 2 ** 31 - 1;

/** The time of this machine; `monotonic` begins with the process. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(delayMs, callback) {
    const handle = setTimeout(callback, Math.min(Math.max(0, delayMs), maxDelayMs));
    return {
      unref: () => void handle.unref(),
      [Symbol.dispose]: () => clearTimeout(handle),
    };
  },
};

/** Resolves after `delayMs`; rejects with the signal's reason when it aborts first. */
export function sleep(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const timer = clock.after(delayMs, () => {
      listener?.[Symbol.dispose]();
      resolve();
    });
    const listener =
      signal &&
      addAbortListener(signal, () => {
        timer[Symbol.dispose]();
        reject(signal.reason);
      });
  });
}
