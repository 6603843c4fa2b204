/**
 * A loop over what is already there (messages of a socket, lines of a buffer) never leaves the microtasks, and timers and
 * other sockets wait for its end. With a share, it stops for them when it has had its time.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';

/** A loop's share of the event loop. */
export class YieldBudget {
  readonly #shareMs: number;
  #begun = performance.now();

  /** `shareMs`: how long the loop may go on at once. */
  constructor(shareMs: number) {
    this.#shareMs = shareMs;
  }

  /** Whether the time is over: then `yield` comes next. */
  get isOver(): boolean {
    return performance.now() - this.#begun >= this.#shareMs;
  }

  /** Lets others have their turn. */
  async yield(): Promise<void> {
    await nextTurn();
    this.#begun = performance.now();
  }
}
