/** Bounds on how much goes on at once: so many at a time, or one at a time for each key. */
import { addAbortListener } from 'node:events';

/** Lets so many in at once; the others wait in order of arrival. */
export class Semaphore {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  /** `permits`: how many may be inside. */
  constructor(permits: number) {
    this.#free = permits;
  }

  /**
   * Waits for a permit. Dispose it to let the next one in; disposing it twice does nothing. Rejects with the signal's
   * reason when it aborts first.
   */
  acquire(signal?: AbortSignal): Promise<Disposable> {
    if (signal?.aborted) return Promise.reject(signal.reason);
    if (this.#free > 0) {
      this.#free -= 1;
      return Promise.resolve(this.#permit());
    }
    return new Promise((resolve, reject) => {
      const grant = (): void => {
        listener?.[Symbol.dispose]();
        resolve(this.#permit());
      };
      const listener =
        signal &&
        addAbortListener(signal, () => {
          this.#waiting.splice(this.#waiting.indexOf(grant), 1);
          reject(signal.reason);
        });
      this.#waiting.push(grant);
    });
  }

  /** Runs the operation when it is its turn. Rejects with the signal's reason when it aborts before. */
  async run<T>(operation: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    using _permit = await this.acquire(signal);
    return await operation();
  }

  #permit(): Disposable {
    let held = true;
    return {
      [Symbol.dispose]: () => {
        if (!held) return;
        held = false;
        const next = this.#waiting.shift();
        if (next) next();
        else this.#free += 1;
      },
    };
  }
}

/** Holders of one key run one after the other, in order of arrival; holders of different keys side by side. */
export class KeyedMutex<Key> {
  /** An entry lives as long as somebody holds or awaits its key. */
  readonly #entries = new Map<Key, { readonly semaphore: Semaphore; users: number }>();

  /** Waits for the key. Rejects with the signal's reason when it aborts first. Dispose the result to free the key. */
  async acquire(key: Key, signal?: AbortSignal): Promise<Disposable> {
    const entry = this.#entries.get(key) ?? { semaphore: new Semaphore(1), users: 0 };
    this.#entries.set(key, entry);
    entry.users += 1;
    using onFailure = new DisposableStack();
    onFailure.defer(() => {
      entry.users -= 1;
      if (entry.users === 0) this.#entries.delete(key);
    });
    onFailure.use(await entry.semaphore.acquire(signal));
    return onFailure.move();
  }

  /** Runs the operation while holding the key. */
  async run<T>(key: Key, operation: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    using _held = await this.acquire(key, signal);
    return await operation();
  }
}
