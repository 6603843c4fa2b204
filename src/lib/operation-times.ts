/** How long operations take, how many are under way, and how they end: for the agent's own health. */
import type { Clock } from './clock.ts';
import { Histogram } from './histogram.ts';

/** Whether the promise of an operation was fulfilled or rejected. */
export type Outcome = 'ok' | 'error';

/** The times of one operation of one component. */
export interface TimedOperation {
  readonly component: string;
  readonly operation: string;
  /** Histograms of durations in seconds, by outcome. */
  readonly seconds: Readonly<Record<Outcome, Histogram>>;
  underWay: number;
}

const bounds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60] as const;

/** The times. Their number is bounded by that of the methods that are watched. */
export class OperationTimes {
  readonly #clock: Clock;
  readonly #operations = new Map<string, TimedOperation>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** All operations that were ever begun. */
  all(): Iterable<TimedOperation> {
    return this.#operations.values();
  }

  /** Measures an operation; its promise is returned as it is. */
  watch<T>(component: string, operation: string, promise: Promise<T>): Promise<T> {
    const timed = this.#of(component, operation);
    const begun = this.#clock.monotonic();
    timed.underWay += 1;
    const end = (outcome: Outcome): void => {
      timed.underWay -= 1;
      timed.seconds[outcome].observe((this.#clock.monotonic() - begun) / 1000);
    };
    promise.then(
      () => end('ok'),
      () => end('error'),
    );
    return promise;
  }

  #of(component: string, operation: string): TimedOperation {
    const key = `${component} ${operation}`;
    const found = this.#operations.get(key);
    if (found) return found;
    const seconds = { ok: new Histogram(bounds), error: new Histogram(bounds) };
    const made: TimedOperation = { component, operation, seconds, underWay: 0 };
    this.#operations.set(key, made);
    return made;
  }
}

/**
 * The object, with every call of a method that answers with a promise measured under the method's name.
 * Everything else passes as it is.
 */
export function watchMethods<T extends object>(target: T, component: string, times: OperationTimes): T {
  const wrapped = new Map<PropertyKey, unknown>();
  return new Proxy(target, {
    get(_, key) {
      const value: unknown = Reflect.get(target, key, target);
      if (typeof value !== 'function' || typeof key !== 'string') return value;
      const known = wrapped.get(key);
      if (known) return known;
      const method = (...args: unknown[]): unknown => {
        const result: unknown = Reflect.apply(value, target, args);
        return result instanceof Promise ? times.watch(component, key, result) : result;
      };
      wrapped.set(key, method);
      return method;
    },
  });
}
