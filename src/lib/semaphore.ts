/** Lets so many in at once; the others wait in order of arrival. */

/** The turnstile. */
export class Semaphore {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  /** `most`: how many may be inside. */
  constructor(most: number) {
    this.#free = most;
  }

  /** Runs the operation when it is its turn. Rejects with the signal's reason when it aborts before. */
  async run<T>(operation: () => Promise<T>, signal: AbortSignal): Promise<T> {
    await this.#enter(signal);
    try {
      return await operation();
    } finally {
      const next = this.#waiting.shift();
      if (next) next();
      else this.#free += 1;
    }
  }

  #enter(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.reject(signal.reason);
    if (this.#free > 0) {
      this.#free -= 1;
      return Promise.resolve();
    }
    return new Promise((resolve, reject) => {
      const onAbort = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(enter), 1);
        reject(signal.reason);
      };
      const enter = (): void => {
        signal.removeEventListener('abort', onAbort);
        resolve();
      };
      this.#waiting.push(enter);
      signal.addEventListener('abort', onAbort, { once: true });
    });
  }
}
