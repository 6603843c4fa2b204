/** A clock for tests of what is tried again: pauses are over at once, and deadlines last as long as ever. */
import { type Clock, systemClock } from '../../src/lib/clock.ts';

/** Pauses between attempts, graces and the deadlines that tests plant are at most this long; real deadlines are longer. */
const maxPauseMs = 5_000;

/** The machine's clock without its pauses. */
export const impatientClock: Clock = {
  ...systemClock,
  after: (delayMs, callback) => systemClock.after(delayMs <= maxPauseMs ? 0 : delayMs, callback),
};
