/** How late this process's own timers have been: what a busy machine does to every process on it. */

const everyMs = 50;

/** Looks at the time again and again until it is disposed. */
export class Lateness implements Disposable {
  readonly #timer: NodeJS.Timeout;
  /** The worst so far, in milliseconds. */
  maxMs = 0;

  constructor() {
    let last = performance.now();
    this.#timer = setInterval(() => {
      const now = performance.now();
      this.maxMs = Math.max(this.maxMs, now - last - everyMs);
      last = now;
    }, everyMs);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}
