/**
 * How much a folder of a tenant takes on the disk, found by a walk with bounds: it follows no link, crosses to no other
 * file system, counts each file once, and yields to everything else.
 */
import { constants, type Stats } from 'node:fs';
import { type FileHandle, lstat, open, opendir, readdir } from 'node:fs/promises';
import type { Clock } from '../lib/clock.ts';
import { withDeadline } from '../lib/deadline.ts';
import { isSystemError } from '../lib/system-error.ts';
import { YieldBudget } from '../lib/yield-budget.ts';

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
const finishedBounds = { maxEntries: 1_000_000, deepest: 48, skipsDeeper: true } as const;
const deadlineMs = 3_600_000;
/** A tenth of the time, so that nobody notices. */
const share = { workMs: 10, restMs: 90 } as const;

/** Makes the function that finds the size of a folder in which a tenant writes no more: in the background, within bounds. It throws the system's error, and the signal's reason. */
export function measurer(clock: Clock): (folder: string, signal: AbortSignal) => Promise<WalkResult> {
  const shared = new YieldBudget({ ...share, clock });
  return async (folder, signal) => {
    const options = { what: `the size of ${folder}`, timeoutMs: deadlineMs, signal, clock };
    return await withDeadline(options, (deadline) => walkSize(folder, finishedBounds, shared, deadline.signal));
  };
}
