/** How late this process's own timers have been: what a busy machine does to every process on it. */

const everyMs = 50;

/** Looks at the time again and again until it is disposed. */
export class Lateness implements Disposable {
  readonly #timer: NodeJS.Timeout;
  /** The worst so far, in milliseconds. */
  mostMs = 0;

  constructor() {
    let last = performance.now();
    this.#timer = setInterval(() => {
      const now = performance.now();
      this.mostMs = Math.max(this.mostMs, now - last - everyMs);
      last = now;
    }, everyMs);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}
