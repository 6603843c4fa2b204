/**
 * Sizes of kernels' scratch folders, walked in the background, the one that waited longest first. Several are walked at a
 * time, in the share of one, so that a folder of a million files doesn't keep the others waiting. A walk has bounds: it
 * follows no link, crosses to no other file system, counts each file once, and yields to everything else.
 */

import { constants, type Stats } from 'node:fs';
import { type FileHandle, lstat, open, opendir, readdir, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../lib/clock.ts';
import { withDeadline } from '../lib/deadline.ts';
import type { KernelId } from '../lib/ids.ts';
import type { Logger } from '../lib/log.ts';
import { isSystemError } from '../lib/system-error.ts';
import { YieldBudget } from '../lib/yield-budget.ts';

/** Where the folders of kernels are, and what walking through them needs. */
export interface ScratchSizesParts {
  /** Where a kernel's folder is. */
  readonly folderOf: (kernelId: KernelId) => string;
  /** How long the size of a limited home counts, which the system tells at once. */
  readonly countedMs: number;
  readonly clock: Clock;
  readonly log: Logger;
}

/** As many entries take a minute of work, and so ten of time. */
const bounds = { maxEntries: 1_000_000, deepest: 48 } as const;
const deadlineMs = 3_600_000;
/** The share of the time in which folders are walked, so that nobody notices. */
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
  readonly #known = new Map<string, { readonly result: SizeResult | null; readonly nextAt: number }>();
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

  /** Whether a limited home takes no more bytes or no more files. */
  isFull(kernelId: string): boolean {
    return this.#known.get(kernelId)?.result?.isFull ?? false;
  }

  /** Looks at a limited home at once; at the folder of any other kernel it does not. */
  async refresh(kernelId: KernelId): Promise<void> {
    const result = await limitedHome(this.#parts.folderOf(kernelId)).catch(() => null);
    if (result) this.#know(kernelId, result, 0);
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
      this.#know(kernelId, result, ended - begun);
    }
  }

  #know(kernelId: KernelId, result: SizeResult | null, tookMs: number): void {
    const isLimited = result?.isFull !== undefined;
    const pause = isLimited ? this.#parts.countedMs : Math.max(pauseMs, tookMs * pauseFactor);
    this.#known.set(kernelId, { result, nextAt: this.#parts.clock.monotonic() + pause });
  }

  async #walk(kernelId: KernelId, signal: AbortSignal): Promise<SizeResult | null> {
    const { folderOf, clock, log } = this.#parts;
    const folder = folderOf(kernelId);
    const options = { what: `the size of ${folder}`, timeoutMs: deadlineMs, signal, clock };
    try {
      return await withDeadline(
        options,
        async (deadline) =>
          (await limitedHome(folder)) ?? (await walkSize(folder, bounds, this.#budget, deadline.signal)),
      );
    } catch (error) {
      if (!signal.aborted && !isSystemError(error, 'ENOENT'))
        log.debug('a scratch folder could not be sized', { kernel: kernelId, error });
      return null;
    }
  }
}

/** How far a walk goes before it gives up: the folders are the tenant's. */
export interface WalkBounds {
  /** Files and folders that are looked at. */
  readonly maxEntries: number;
  /** Levels of folders; each holds a descriptor while the walk is below it. */
  readonly deepest: number;
  /** Whether what is deeper is left out; otherwise it ends the walk. */
  readonly skipsDeeper?: boolean;
}

/** The size that a walk found, and whether that is all. */
export interface WalkResult {
  readonly bytes: number;
  /** False when the bounds ended the walk: then it is that much at least. */
  readonly complete: boolean;
}

/** The size of a kernel's folder. */
interface SizeResult extends WalkResult {
  /** Of a limited home alone, which is a file system of its own and counts itself: whether it takes no more bytes, or no more files. */
  readonly isFull?: boolean;
}

/** A file system with no more free blocks than these is full: it needs some for what it notes of a file. */
const lastBlocks = 16;

/** What the files of a home take that is limited by a file system of its own; null = it has none. Throws the system's error. */
async function limitedHome(folder: string): Promise<SizeResult | null> {
  const home = join(folder, 'work');
  const [above, root] = await Promise.all([lstat(folder), lstat(home).catch(() => null)]);
  if (root === null || above.dev === root.dev) return null;
  const { blocks, bfree, bavail, bsize, ffree } = await statfs(home);
  const isFull = bavail <= lastBlocks || ffree === 0;
  return { bytes: (blocks - bfree) * bsize, complete: true, isFull };
}

const blockBytes = 512;
/** A folder of no more bytes has some thousand names. They are taken at once, which costs a quarter of taking them singly. */
const smallFolderBytes = 32 * 1024;

/** Walks a folder; walks that share a budget work as much as one. Throws the system's error when the folder itself can't be opened, and the signal's reason. */
export async function walkSize(
  folder: string,
  bounds: WalkBounds,
  budget: YieldBudget,
  signal: AbortSignal,
): Promise<WalkResult> {
  const walk = new Walk(bounds, budget, signal);
  await using root = await openFolder(folder);
  await walk.into(root, await root.stat(), 1);
  return { bytes: walk.bytes, complete: walk.complete };
}

class Walk {
  bytes = 0;
  complete = true;
  readonly #bounds: WalkBounds;
  readonly #budget: YieldBudget;
  readonly #signal: AbortSignal;
  readonly #linked = new Set<number>();
  #entries = 0;

  constructor(bounds: WalkBounds, budget: YieldBudget, signal: AbortSignal) {
    this.#bounds = bounds;
    this.#budget = budget;
    this.#signal = signal;
  }

  /** Through the descriptor: a folder that the tenant swaps for a link meanwhile leads nowhere else. */
  async into(folder: FileHandle, { dev: device, size }: Pick<Stats, 'dev' | 'size'>, depth: number): Promise<void> {
    const path = `/proc/self/fd/${folder.fd}`;
    for await (const name of size <= smallFolderBytes ? await readdir(path, { encoding: 'buffer' }) : namesOf(path)) {
      if (this.#entries >= this.#bounds.maxEntries) this.complete = false;
      if (!this.complete) return;
      this.#entries += 1;
      await this.#budget.yieldIfSpent(this.#signal);
      const child = Buffer.concat([Buffer.from(`${path}/`), name]);
      try {
        const found = await lstat(child);
        // Other file systems may hang, and don't belong to it.
        if (found.dev !== device) continue;
        this.#count(found);
        if (!found.isDirectory()) continue;
        if (depth >= this.#bounds.deepest) {
          if (this.#bounds.skipsDeeper) continue;
          this.complete = false;
          return;
        }
        await using below = await openFolder(child);
        // The tenant may have put another in its place meanwhile, with a million names that would be taken at once.
        const opened = await below.stat();
        if (opened.dev === device) await this.into(below, opened, depth + 1);
      } catch (thrown) {
        // The tenant removed it, or made something else of it.
        if (!isSystemError(thrown, 'ENOENT', 'ENOTDIR', 'ELOOP', 'EACCES')) throw thrown;
      }
    }
  }

  #count(found: { ino: number; nlink: number; blocks: number; isDirectory(): boolean }): void {
    if (found.nlink > 1 && !found.isDirectory()) {
      if (this.#linked.has(found.ino)) return;
      this.#linked.add(found.ino);
    }
    this.bytes += found.blocks * blockBytes;
  }
}

/** Names are bytes: one that is no text would not be found again by its text. */
async function* namesOf(folder: string): AsyncGenerator<Buffer> {
  // The types don't know that Node can give bytes here.
  for await (const { name } of await opendir(folder, { encoding: 'buffer' as BufferEncoding })) yield Buffer.from(name);
}

async function openFolder(path: string | Buffer): Promise<FileHandle> {
  return await open(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
}

/** One with a deep folder in it is as large at least as what lies above: nobody is to lose it for that. */
const finishedBounds = { ...bounds, skipsDeeper: true } as const;

/**
 * Makes the function that finds the size of a folder in which a tenant writes no more: in the background, within bounds. It
 * throws the system's error, and the signal's reason.
 */
export function measurer(clock: Clock): (folder: string, signal: AbortSignal) => Promise<WalkResult> {
  const shared = new YieldBudget({ ...aTenth, clock });
  return async (folder, signal) => {
    const options = { what: `the size of ${folder}`, timeoutMs: deadlineMs, signal, clock };
    return await withDeadline(options, (deadline) => walkSize(folder, finishedBounds, shared, deadline.signal));
  };
}
