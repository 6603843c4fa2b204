/**
 * Sizes of kernels' scratch folders, walked in the background, the one that waited longest first. Several are walked at a
 * time, in the share of one, so that a folder of a million files doesn't keep the others waiting.
 */
import type { Clock } from '../lib/clock.ts';
import { withDeadline } from '../lib/deadline.ts';
import type { Logger } from '../lib/log.ts';
import { isSystemError } from '../lib/system-error.ts';
import { type WalkResult, walkSize } from './scratch-walk.ts';
import { TimeSlices } from './time-slices.ts';

/** A folder to look at. */
export interface ScratchPlace {
  readonly kernelId: string;
  readonly folder: string;
}

/** As many entries take a minute of work, and so ten of time. */
const bounds = { mostEntries: 1_000_000, deepest: 48 } as const;
const deadlineMs = 3_600_000;
/** The share of the time in which folders are walked. */
const aTenth = { workMs: 10, restMs: 90 };
/** From the end of a walk to the next of the same folder: this, or so many times as long as the walk took. */
const pauseMs = 30_000;
const pauseFactor = 10;

/** The sizes. */
export class ScratchSizes {
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #slices: TimeSlices;
  readonly #walked = new Set<string>();
  readonly #known = new Map<string, { readonly result: WalkResult | null; readonly nextAt: number }>();

  constructor(clock: Clock, log: Logger) {
    this.#clock = clock;
    this.#log = log;
    this.#slices = new TimeSlices(clock, aTenth);
  }

  /** Bytes that a kernel's folder took at the last walk; null when none has ended, or it was not complete. */
  bytesOf(kernelId: string): number | null {
    const result = this.#known.get(kernelId)?.result;
    return result?.complete ? result.bytes : null;
  }

  /** Bytes that it took at least. */
  atLeast(kernelId: string): number | null {
    return this.#known.get(kernelId)?.result?.bytes ?? null;
  }

  /**
   * Walks the folder that is due, if one is that nobody walks. Several rounds may run at a time. Forgets the kernels that
   * are not among the places.
   */
  async round(places: readonly ScratchPlace[], signal: AbortSignal): Promise<void> {
    const wanted = new Set(places.map(({ kernelId }) => kernelId));
    for (const kernelId of this.#known.keys()) if (!wanted.has(kernelId)) this.#known.delete(kernelId);
    const begun = this.#clock.monotonic();
    const nextAt = ({ kernelId }: ScratchPlace): number => this.#known.get(kernelId)?.nextAt ?? -Infinity;
    const open = places.filter(({ kernelId }) => !this.#walked.has(kernelId));
    const [first] = open.sort((left, right) => nextAt(left) - nextAt(right));
    if (!first || nextAt(first) > begun) return;
    this.#walked.add(first.kernelId);
    const result = await this.#walk(first, signal).finally(() => this.#walked.delete(first.kernelId));
    const ended = this.#clock.monotonic();
    const pause = Math.max(pauseMs, (ended - begun) * pauseFactor);
    this.#known.set(first.kernelId, { result, nextAt: ended + pause });
  }

  async #walk({ kernelId, folder }: ScratchPlace, signal: AbortSignal): Promise<WalkResult | null> {
    const options = { what: `the size of ${folder}`, timeoutMs: deadlineMs, signal, clock: this.#clock };
    try {
      return await withDeadline(options, (deadline) => walkSize(folder, bounds, this.#slices, deadline.signal));
    } catch (error) {
      signal.throwIfAborted();
      if (!isSystemError(error, 'ENOENT'))
        this.#log.debug('a scratch folder could not be sized', { kernel: kernelId, error });
      return null;
    }
  }
}
