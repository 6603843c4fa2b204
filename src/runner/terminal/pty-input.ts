/**
 * What is typed, on its way to a terminal. A program that does not read leaves its terminal full, and the system does not
 * tell when there is room again: what waits is offered now and then.
 */
import { type Clock, systemClock } from '../../lib/clock.ts';

const offerEveryMs = 20;

/** How a terminal takes what is typed. */
export interface PtyInputParts {
  /** Hands over what the terminal takes now and says how many bytes that were. */
  offer(bytes: Uint8Array): number;
  /** Nothing waits any more. */
  onRoom(): void;
  readonly clock?: Clock;
}

/** The bytes that wait for one terminal: as many as its user sends, who is to stop when something waits. */
export class PtyInput {
  readonly #parts: PtyInputParts;
  readonly #clock: Clock;
  #waiting: Uint8Array[] = [];

  constructor(parts: PtyInputParts) {
    this.#parts = parts;
    this.#clock = parts.clock ?? systemClock;
  }

  /** Takes bytes; false when some of them wait. */
  write(bytes: Uint8Array): boolean {
    const waited = this.#waiting.length > 0;
    this.#waiting.push(bytes);
    if (waited) return false;
    if (this.#offerAll()) return true;
    this.#offerLater();
    return false;
  }

  /** Forgets what waits: nobody reads it any more. */
  close(): void {
    this.#waiting = [];
  }

  #offerLater(): void {
    this.#clock.after(offerEveryMs, () => {
      if (this.#offerAll()) this.#parts.onRoom();
      else this.#offerLater();
    });
  }

  #offerAll(): boolean {
    for (let [first] = this.#waiting; first; [first] = this.#waiting) {
      const taken = this.#parts.offer(first);
      if (taken < first.length) {
        this.#waiting[0] = first.subarray(taken);
        return false;
      }
      this.#waiting.shift();
    }
    return true;
  }
}
