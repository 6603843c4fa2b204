/** Work that is asked for while it is under way: it is shared with those who wait for it, or done once more. */
import { raceWithSignal } from './deadline.ts';

interface Waiter<Progress> {
  readonly onProgress: ((progress: Progress) => void) | undefined;
}

interface Work<Result, Progress> {
  readonly result: Promise<Result>;
  readonly controller: AbortController;
  readonly waiters: Set<Waiter<Progress>>;
}

/**
 * Long work that several callers may want at once (a pull, a build) is done once for all of them, by key: each sees the
 * progress from when it came, one that gives up doesn't stop the others, and when all have given up the work is
 * aborted (spec kernel-lifecycle, B8).
 */
export class SingleFlight<Result, Progress> {
  readonly #works = new Map<string, Work<Result, Progress>>();

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
    const publish = (progress: Progress): void => {
      for (const { onProgress } of waiters) onProgress?.(progress);
    };
    const work = { result: start(publish, controller.signal), controller, waiters };
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

/** Work that is asked for again and again: one at a time, and once more for whatever was asked for meanwhile. */
export class CoalescedTask {
  readonly #work: () => Promise<void>;
  #running: Promise<void> | null = null;
  #wanted = false;

  /** `work` sees to its own failures; one that it throws all the same is passed to nobody. */
  constructor(work: () => Promise<void>) {
    this.#work = work;
  }

  /** Asks for it. What has not begun yet when somebody asks again is the same. */
  request(): void {
    this.#wanted = true;
    this.#running ??= this.#run();
  }

  /** Resolves when none is under way. */
  async settled(): Promise<void> {
    await this.#running;
  }

  async #run(): Promise<void> {
    while (this.#wanted) {
      this.#wanted = false;
      await this.#work().catch(() => {});
    }
    this.#running = null;
  }
}
