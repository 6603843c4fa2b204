/** What is typed into a terminal, on its way to a program that may not read it. */
import { type Clock, systemClock } from '../../lib/clock.ts';

const offerEveryMs = 20;

/** How a terminal takes what is typed. */
export interface PtyInputParts {
  /** Hands over what the terminal takes now and says how many bytes that were. */
  offer(bytes: Uint8Array): number;
  readonly clock?: Clock;
}

/** The bytes that wait for one terminal: as many as its users send, who are to stop while something waits. */
export class PtyInput implements Disposable {
  readonly #parts: PtyInputParts;
  readonly #clock: Clock;
  #waiting: { readonly bytes: Uint8Array; readonly settle: (isTaken: boolean) => void }[] = [];
  #timer: Disposable | null = null;
  #open = true;

  constructor(parts: PtyInputParts) {
    this.#parts = parts;
    this.#clock = parts.clock ?? systemClock;
  }

  /** Resolves when the terminal has taken the bytes, or with false when nobody reads them any more. */
  write(bytes: Uint8Array): Promise<boolean> {
    if (!this.#open) return Promise.resolve(false);
    const { promise, resolve } = Promise.withResolvers<boolean>();
    this.#waiting.push({ bytes, settle: resolve });
    if (!this.#timer) this.#offerAll();
    return promise;
  }

  /** Forgets what waits: nobody reads it any more. */
  [Symbol.dispose](): void {
    this.#open = false;
    this.#timer?.[Symbol.dispose]();
    for (const { settle } of this.#waiting.splice(0)) settle(false);
  }

  #offerAll(): void {
    this.#timer = null;
    for (let [first] = this.#waiting; first; [first] = this.#waiting) {
      const { bytes, settle } = first;
      const taken = this.#parts.offer(bytes);
      if (taken < bytes.length) {
        this.#waiting[0] = { bytes: bytes.subarray(taken), settle };
        // Nothing tells when a terminal has room again.
        this.#timer = this.#clock.after(offerEveryMs, () => this.#offerAll());
        return;
      }
      this.#waiting.shift();
      settle(true);
    }
  }
}
