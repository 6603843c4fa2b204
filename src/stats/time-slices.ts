/** Long work in short pieces, so that everything else gets its turn between them. */
import { type Clock, sleep } from '../lib/clock.ts';

/** How long the work and the pauses are. */
export interface SliceLengths {
  /** How long a piece of work may hold up everything else, in milliseconds. */
  readonly workMs: number;
  /** How long others have then; absent: as long as they need to have had their turn. */
  readonly restMs?: number;
}

const shortest: SliceLengths = { workMs: 1 };

/**
 * Call `turn` between steps that are short themselves: it lets others run when the time of the slice is over. Several
 * loops may share it, and then have one slice together and a step each.
 */
export class TimeSlices {
  readonly #clock: Clock;
  readonly #lengths: SliceLengths;
  #begun: number;
  #pause: Promise<void> | null = null;

  constructor(clock: Clock, lengths = shortest) {
    this.#clock = clock;
    this.#lengths = lengths;
    this.#begun = clock.monotonic();
  }

  /** Throws the signal's reason when it has aborted. */
  async turn(signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    if (this.#clock.monotonic() - this.#begun < this.#lengths.workMs) return;
    this.#pause ??= this.#letOthersRun();
    await this.#pause;
    signal?.throwIfAborted();
  }

  async #letOthersRun(): Promise<void> {
    const { restMs } = this.#lengths;
    if (restMs === undefined) await new Promise((resolve) => setImmediate(resolve));
    else await sleep(this.#clock, restMs);
    this.#pause = null;
    this.#begun = this.#clock.monotonic();
  }
}
