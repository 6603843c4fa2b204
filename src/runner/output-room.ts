/**
 * How much output of a kernel's runs waits for readers in the runner, whose memory is the tenant's: each run's up to a limit,
 * and all runs' together up to a few times that. Pure.
 */

/** Limits of one run that the output of all together may take. */
const limitsTogether = 4;
/** The share of its limit that a run has also when the others have taken all: its reader gets on. */
const leastShare = 64;

/** The room of one kernel. */
export class OutputRoom {
  /** Bytes of one run. */
  readonly limitBytes: number;
  #heldBytes = 0;
  readonly #waiting = new Set<() => void>();

  constructor(limitBytes: number) {
    this.limitBytes = limitBytes;
  }

  /** Whether a run that holds so many bytes has to wait for its reader. */
  isFullFor(bytes: number): boolean {
    return bytes >= this.limitBytes || (this.#isCrowded && bytes >= this.limitBytes / leastShare);
  }

  /** A run holds more, or less. */
  changed(byBytes: number): void {
    const wasCrowded = this.#isCrowded;
    this.#heldBytes += byBytes;
    if (wasCrowded && !this.#isCrowded) for (const callback of [...this.#waiting]) callback();
  }

  /** Calls back each time when the room of all is not taken any more. Disposing ends that. */
  whenSpace(callback: () => void): Disposable {
    this.#waiting.add(callback);
    return { [Symbol.dispose]: () => void this.#waiting.delete(callback) };
  }

  get #isCrowded(): boolean {
    return this.#heldBytes >= this.limitBytes * limitsTogether;
  }
}
