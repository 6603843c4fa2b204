/**
 * Sizes of kernels' scratch folders, walked in the background, the one that waited longest first. Several are walked at a
 * time, in the share of one, so that a folder of a million files doesn't keep the others waiting.
 */
import type { Clock } from '../lib/clock.ts';
import { withDeadline } from '../lib/deadline.ts';
import type { KernelId } from '../lib/ids.ts';
import type { Logger } from '../lib/log.ts';
import { isSystemError } from '../lib/system-error.ts';
import { YieldBudget } from '../lib/yield-budget.ts';
import { type WalkResult, walkSize } from './scratch-walk.ts';

/** Where the folders of kernels are, and what walking through them needs. */
export interface ScratchSizesParts {
  /** Where a kernel's folder is. */
  readonly folderOf: (kernelId: KernelId) => string;
  readonly clock: Clock;
  readonly log: Logger;
}

/** As many entries take a minute of work, and so ten of time. */
const bounds = { maxEntries: 1_000_000, deepest: 48 } as const;
const deadlineMs = 3_600_000;
/** The share of the time in which folders are walked. */
const aTenth = { workMs: 10, restMs: 90 };
/** From the end of a walk to the next of the same folder: this, or so many times as long as the walk took. */
const pauseMs = 30_000;
const pauseFactor = 10;
const walksAtOnce = 3;
/** Walks in a row cost a fifth of walks that each find the processor asleep. */
const maxOfRound = 10;

/** Walks folders in the background, at most three at a time, in a tenth of the time. */
export class ScratchSizes {
  readonly #parts: ScratchSizesParts;
  readonly #budget: YieldBudget;
  readonly #walked = new Set<KernelId>();
  readonly #lanes = new Set<Promise<void>>();
  readonly #known = new Map<string, { readonly result: WalkResult | null; readonly nextAt: number }>();
  #due: KernelId[] = [];

  constructor(parts: ScratchSizesParts) {
    this.#parts = parts;
    this.#budget = new YieldBudget({ ...aTenth, clock: parts.clock });
  }

  /** Bytes that a kernel's folder took at the last walk; null when none has ended, or it was not complete. */
  bytesOf(kernelId: string): number | null {
    const result = this.#known.get(kernelId)?.result;
    return result?.complete ? result.bytes : null;
  }

  /** Bytes that it took at least, also by a walk that was not complete; null when none has ended. */
  minBytesOf(kernelId: string): number | null {
    return this.#known.get(kernelId)?.result?.bytes ?? null;
  }

  /**
   * Begins to walk folders that are due; they go on in the background until the signal aborts. Forgets the kernels that
   * are not among these. Call it every second.
   */
  round(kernelIds: readonly KernelId[], signal: AbortSignal): void {
    const wanted = new Set<string>(kernelIds);
    for (const kernelId of this.#known.keys()) if (!wanted.has(kernelId)) this.#known.delete(kernelId);
    const now = this.#parts.clock.monotonic();
    const nextAt = (kernelId: string): number => this.#known.get(kernelId)?.nextAt ?? -Infinity;
    this.#due = kernelIds
      .filter((kernelId) => nextAt(kernelId) <= now && !this.#walked.has(kernelId))
      .sort((left, right) => nextAt(left) - nextAt(right))
      .slice(0, maxOfRound);
    for (let free = Math.min(walksAtOnce - this.#lanes.size, this.#due.length); free > 0; free -= 1) {
      const walks = this.#walkDue(signal).finally(() => this.#lanes.delete(walks));
      this.#lanes.add(walks);
    }
  }

  /** Resolves when no folder is being walked. */
  async settled(): Promise<void> {
    await Promise.all(this.#lanes);
  }

  async #walkDue(signal: AbortSignal): Promise<void> {
    for (let kernelId = this.#due.shift(); kernelId !== undefined; kernelId = this.#due.shift()) {
      if (signal.aborted) return;
      this.#walked.add(kernelId);
      const begun = this.#parts.clock.monotonic();
      const result = await this.#walk(kernelId, signal);
      const ended = this.#parts.clock.monotonic();
      this.#walked.delete(kernelId);
      this.#known.set(kernelId, { result, nextAt: ended + Math.max(pauseMs, (ended - begun) * pauseFactor) });
    }
  }

  async #walk(kernelId: KernelId, signal: AbortSignal): Promise<WalkResult | null> {
    const { folderOf, clock, log } = this.#parts;
    const folder = folderOf(kernelId);
    const options = { what: `the size of ${folder}`, timeoutMs: deadlineMs, signal, clock };
    try {
      return await withDeadline(options, (deadline) => walkSize(folder, bounds, this.#budget, deadline.signal));
    } catch (error) {
      if (!signal.aborted && !isSystemError(error, 'ENOENT'))
        log.debug('a scratch folder could not be sized', { kernel: kernelId, error });
      return null;
    }
  }
}
