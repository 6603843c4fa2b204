/** Random choices that can be made again: the seed is printed, and `KERNELET_TEST_SEED` sets it. */
import { randomInt } from 'node:crypto';

export interface SeededRandom {
  readonly seed: number;
  /** From 0 inclusive to 1 exclusive. */
  fraction(): number;
  /** A whole number from `low` to `high`, both included. */
  between(low: number, high: number): number;
  /** One of a list. Throws when it is empty. */
  oneOf<T>(list: readonly T[]): T;
}

/** Makes a source and says its seed. `what` names the test that uses it. */
export function seededRandom(what: string): SeededRandom {
  const given = process.env['KERNELET_TEST_SEED'];
  const seed = given === undefined ? randomInt(2 ** 31) : Number(given);
  if (!Number.isSafeInteger(seed)) throw new Error(`KERNELET_TEST_SEED is ${JSON.stringify(given)}, not a number`);
  console.log(`${what}: KERNELET_TEST_SEED=${seed}`);
  return randomOf(seed);
}

/** The source of a seed, of which nothing is said. */
export function randomOf(seed: number): SeededRandom {
  let state = seed >>> 0;
  // mulberry32: small, and the same everywhere.
  const fraction = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const between = (low: number, high: number): number => low + Math.floor(fraction() * (high - low + 1));
  const oneOf = <T>(list: readonly T[]): T => {
    const [one] = list.slice(between(0, list.length - 1));
    if (one === undefined) throw new Error('there is nothing to choose from');
    return one;
  };
  return { seed, fraction, between, oneOf };
}
