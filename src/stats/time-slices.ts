/** Long work in short pieces, so that everything else gets its turn between them. */
import type { Clock } from '../lib/clock.ts';

/** How long a piece of work may hold up everything else, in milliseconds. */
const mostMs = 1;

/**
 * Call `turn` between steps that are short themselves: it lets others run when the time of the slice is over. Several
 * loops may share it, and then have one slice together and a step each.
 */
export class TimeSlices {
  readonly #clock: Clock;
  #begun: number;
  #pause: Promise<void> | null = null;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#begun = clock.monotonic();
  }

  /** Throws the signal's reason when it has aborted. */
  async turn(signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    if (this.#clock.monotonic() - this.#begun < mostMs) return;
    this.#pause ??= this.#letOthersRun();
    await this.#pause;
    signal?.throwIfAborted();
  }

  async #letOthersRun(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    this.#pause = null;
    this.#begun = this.#clock.monotonic();
  }
}
