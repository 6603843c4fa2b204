/**
 * Long work in short pieces, so that everything else gets its turn between them. A loop over what is already there
 * (messages of a socket, containers of a node) never leaves the microtasks, and timers and sockets wait for its end.
 */
import { type Clock, sleep, systemClock } from './clock.ts';

/** How long the work and the pauses are. */
export interface YieldBudgetOptions {
  /** How long a piece of work may hold up everything else, in milliseconds; 1 when absent. */
  readonly workMs?: number;
  /** How long others have then, in milliseconds; absent: as long as they need to have had their turn. */
  readonly restMs?: number;
  readonly clock?: Clock;
}

/** The time of a loop. Several loops may share one, and then have it together and a step each. */
export class YieldBudget {
  readonly #clock: Clock;
  readonly #workMs: number;
  readonly #restMs: number | undefined;
  #begun: number;
  #pause: Promise<void> | null = null;

  constructor({ workMs = 1, restMs, clock = systemClock }: YieldBudgetOptions = {}) {
    this.#clock = clock;
    this.#workMs = workMs;
    this.#restMs = restMs;
    this.#begun = clock.monotonic();
  }

  /** Whether the time is over: then `yield` comes next. */
  get isSpent(): boolean {
    return this.#clock.monotonic() - this.#begun >= this.#workMs;
  }

  /** Lets others have their turn; the time begins anew. */
  async yield(): Promise<void> {
    this.#pause ??= this.#letOthersRun();
    await this.#pause;
  }

  /** Yields when the time is over. Call it between steps that are short themselves. Throws the signal's reason. */
  async yieldIfSpent(signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    if (!this.isSpent) return;
    await this.yield();
    signal?.throwIfAborted();
  }

  async #letOthersRun(): Promise<void> {
    if (this.#restMs === undefined) await new Promise((resolve) => setImmediate(resolve));
    else await sleep(this.#clock, this.#restMs);
    this.#pause = null;
    this.#begun = this.#clock.monotonic();
  }
}
