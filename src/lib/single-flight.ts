/**
 * Long work that several callers may want at once (a pull, a build) is done once for all of them: each sees the
 * progress from when it came, one that gives up doesn't stop the others, and when all have given up the work is
 * aborted (spec kernel-lifecycle, B8).
 */
import { raceWithSignal } from './race-with-signal.ts';

interface Waiter<Progress> {
  readonly onProgress: ((progress: Progress) => void) | undefined;
}

interface Work<Result, Progress> {
  readonly result: Promise<Result>;
  readonly controller: AbortController;
  readonly waiters: Set<Waiter<Progress>>;
}

/** Work by key: at most one at a time for each key. */
export class SingleFlight<Result, Progress> {
  readonly #works = new Map<string, Work<Result, Progress>>();

  /** How many works are going on. */
  get size(): number {
    return this.#works.size;
  }

  /**
   * Waits for the work of this key, which is started if it isn't going on. Rejects with the signal's reason as soon as
   * it aborts, else as the work does.
   */
  async join(
    key: string,
    start: (onProgress: (progress: Progress) => void, signal: AbortSignal) => Promise<Result>,
    signal: AbortSignal,
    onProgress?: (progress: Progress) => void,
  ): Promise<Result> {
    signal.throwIfAborted();
    const work = this.#works.get(key) ?? this.#start(key, start);
    const waiter = { onProgress };
    work.waiters.add(waiter);
    try {
      return await raceWithSignal(work.result, signal);
    } finally {
      work.waiters.delete(waiter);
      if (work.waiters.size === 0) this.#abandon(key, work, signal.reason);
    }
  }

  #start(
    key: string,
    start: (onProgress: (progress: Progress) => void, signal: AbortSignal) => Promise<Result>,
  ): Work<Result, Progress> {
    const controller = new AbortController();
    const waiters = new Set<Waiter<Progress>>();
    const tell = (progress: Progress): void => {
      for (const { onProgress } of waiters) onProgress?.(progress);
    };
    const work = { result: start(tell, controller.signal), controller, waiters };
    this.#works.set(key, work);
    const forget = (): void => this.#forget(key, work);
    work.result.then(forget, forget);
    return work;
  }

  /** Whoever comes next starts anew, even while the aborted work is still winding down. */
  #abandon(key: string, work: Work<Result, Progress>, reason: unknown): void {
    if (this.#works.get(key) !== work) return;
    this.#forget(key, work);
    work.controller.abort(reason);
  }

  #forget(key: string, work: Work<Result, Progress>): void {
    if (this.#works.get(key) === work) this.#works.delete(key);
  }
}
