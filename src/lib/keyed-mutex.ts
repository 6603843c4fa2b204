/**
 * Serialises work by key: holders of one key run one after the other in order of arrival, holders of different keys
 * side by side. A key takes memory only while somebody holds or awaits it.
 */

interface Waiter {
  readonly grant: () => void;
}

/** A mutex for each key. */
export class KeyedMutex<Key> {
  /** The waiters of every held key, in order of arrival. */
  readonly #queues = new Map<Key, Waiter[]>();

  /** How many keys are held. */
  get heldKeys(): number {
    return this.#queues.size;
  }

  /** Whether somebody holds this key. */
  isHeld(key: Key): boolean {
    return this.#queues.has(key);
  }

  /**
   * Waits for the key. Dispose the result to let the next one in; disposing it twice does nothing. Rejects with the
   * signal's reason when it aborts first.
   */
  acquire(key: Key, signal?: AbortSignal): Promise<Disposable> {
    if (signal?.aborted) return Promise.reject(signal.reason);
    const queue = this.#queues.get(key);
    if (!queue) {
      this.#queues.set(key, []);
      return Promise.resolve(this.#holder(key));
    }
    return new Promise((resolve, reject) => {
      const onAbort = (): void => {
        queue.splice(queue.indexOf(waiter), 1);
        reject(signal?.reason);
      };
      const waiter: Waiter = {
        grant: () => {
          signal?.removeEventListener('abort', onAbort);
          resolve(this.#holder(key));
        },
      };
      queue.push(waiter);
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  }

  /** Runs `operation` while holding the key. */
  async run<T>(key: Key, operation: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    using _held = await this.acquire(key, signal);
    return await operation();
  }

  #holder(key: Key): Disposable {
    let released = false;
    return {
      [Symbol.dispose]: () => {
        if (released) return;
        released = true;
        const next = this.#queues.get(key)?.shift();
        if (next) next.grant();
        else this.#queues.delete(key);
      },
    };
  }
}
