/** A clock for tests of what waits while nothing happens: a pause is over at once, and it is then as late as behind it. */
import { type Clock, systemClock } from '../../src/lib/clock.ts';

/** One that runs like the machine's, but for the pauses. It suits one waiter at a time. */
export function leapingClock(): Clock {
  let leaptMs = 0;
  return {
    now: () => systemClock.now() + leaptMs,
    monotonic: () => systemClock.monotonic() + leaptMs,
    after: (delayMs, callback) =>
      systemClock.after(0, () => {
        leaptMs += delayMs;
        callback();
      }),
  };
}
