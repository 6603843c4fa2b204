/**
 * Folders of kernels whose end nobody asked for, kept for a while: in time, in number and in bytes, the oldest going first.
 * What lies in them was written by tenants, so that the folder around them is closed to everybody but root, and nothing of
 * them is followed.
 */
import { lstat, mkdir, readdir, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { syncFolder, writeFileAtomic } from '../lib/atomic-file.ts';
import type { Clock } from '../lib/clock.ts';
import { raceWithSignal } from '../lib/deadline.ts';
import { type FreeSpace, freeSpaceOf, isDiskFull } from '../lib/disk-space.ts';
import { isKernelId, type KernelId } from '../lib/ids.ts';
import type { Logger } from '../lib/log.ts';
import { letMountsGo } from '../lib/mount-table.ts';
import { isSystemError } from '../lib/system-error.ts';
import { homeOwner } from './home-disk.ts';

/** How long and how much is kept. */
export interface KeptHomesLimits {
  /** From the end of a kernel; 0 = nothing is kept. */
  readonly keepMs: number;
  /** Of all of them together. */
  readonly maxBytes: number;
}

/** What a folder takes; `complete` is false when finding it out was given up. */
interface Size {
  readonly bytes: number;
  readonly complete: boolean;
}

/** Finds out how much a folder takes. */
export type Measure = (folder: string, signal: AbortSignal) => Promise<Size>;

/** How much is free of the file system that a folder lies on, in bytes. */
export type Space = (folder: string) => Promise<FreeSpace>;

/** The home of one ended kernel, as it is kept. */
export interface KeptHome {
  /** Its name among the kept ones: of its kernel and the time of its end. */
  readonly name: string;
  readonly kernel: KernelId;
  /** Milliseconds since the epoch. */
  readonly endedAt: number;
  /** What it takes; null = not known yet. */
  readonly bytes: number | null;
  /** When it goes, at the latest. */
  readonly until: number;
}

/** Where kept homes lie, their bounds, and how they are measured and let go. */
export interface KeptHomesParts {
  readonly folder: string;
  readonly limits: KeptHomesLimits;
  readonly measure: Measure;
  readonly space?: Space;
  /** Takes the folder of this path away for good. */
  readonly discard: (path: string, name: string) => Promise<void>;
  /** Waits until what was taken away is deleted, as far as it can be. */
  readonly emptied: () => Promise<void>;
  readonly clock: Clock;
  readonly log: Logger;
}

/** In the part of a kernel's folder that is the agent's alone. */
const [noteFile, sizeFile] = ['private/end', 'private/size'];
const form = /^([0-9a-f-]{36})\.(\d{1,15})$/;
/** Tenants may end as many kernels as they like. */
const maxKept = 1_000;
const maxNoteBytes = 2 ** 20;
/** Nothing is kept that leaves less than this free: this part of the file system, and of a large one so many bytes. */
const [freePart, freeBytes] = [0.1, 2 ** 30];

/** Keeps homes, and lets go of those that are beyond the bounds. */
export class KeptHomes implements AsyncDisposable {
  readonly #parts: KeptHomesParts;
  readonly #end = new AbortController();
  #tidying: Promise<void> | null = null;
  #again = false;
  /** Whose they are, by the name of the home. */
  readonly #owners = new Map<string, number>();
  /** Those that could not be written, by the name of the home. */
  readonly #sizes = new Map<string, Size>();

  constructor(parts: KeptHomesParts) {
    this.#parts = parts;
  }

  /**
   * Keeps the folder `root` of a kernel, with a note on it. Answers false when nothing is to be kept or the disk is too full
   * for it: it may be this folder that fills it. An absent one is success. Throws the system's error.
   */
  async keep(kernel: KernelId, root: string, note: string): Promise<boolean> {
    const { folder, limits, clock, log } = this.#parts;
    if (limits.keepMs === 0) return false;
    if (!(await isFolder(root))) return true;
    await letMountsGo(root).catch((error: unknown) => log.warn('a mount could not be let go', { kernel, error }));
    try {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      await mkdir(join(root, 'private'), { recursive: true, mode: 0o700 });
      // One that was kept before has grown since.
      await rm(join(root, sizeFile), { recursive: true, force: true });
      await writeFileAtomic(join(root, noteFile), note);
      await syncFolder(root);
      await rename(root, join(folder, `${kernel}.${clock.now()}`));
      // The record goes next, and what has none is taken for an orphan, of which nothing is noted.
      for (const path of [folder, dirname(root)]) await syncFolder(path);
    } catch (error) {
      if (!isDiskFull(error)) throw error;
      log.warn('the files of an ended kernel are deleted', { kernel, why: 'the disk is full', error });
      return false;
    }
    this.tidy();
    return true;
  }

  /** What is kept, the latest first. */
  async list(): Promise<readonly KeptHome[]> {
    const { folder, limits } = this.#parts;
    const names = await readdir(folder).catch(noneIfAbsent);
    const found = names.flatMap((name) => {
      const [, kernel = '', endedAt = ''] = form.exec(name) ?? [];
      return isKernelId(kernel) ? [{ name, kernel, endedAt: Number(endedAt) }] : [];
    });
    found.sort((left, right) => right.endedAt - left.endedAt);
    return await Promise.all(
      found.map(async (one) => ({
        ...one,
        bytes: (await this.#sizeOf(one.name))?.bytes ?? null,
        until: one.endedAt + limits.keepMs,
      })),
    );
  }

  /** The users whose homes are kept. Of one that has just been let go it may still say so. */
  async owners(): Promise<readonly number[]> {
    const names = new Set(await readdir(this.#parts.folder).catch(noneIfAbsent));
    for (const name of this.#owners.keys()) if (!names.has(name)) this.#owners.delete(name);
    const unknown = [...names].filter((name) => !this.#owners.has(name));
    await Promise.all(
      unknown.map(async (name) => {
        const owner = await homeOwner(this.pathOf({ name }));
        if (owner !== null) this.#owners.set(name, owner);
      }),
    );
    return [...this.#owners.values()];
  }

  /** The folder of one; it may be gone by now. */
  pathOf({ name }: Pick<KeptHome, 'name'>): string {
    return join(this.#parts.folder, name);
  }

  /** What was noted of one; null when there is no note. */
  async noteOf(home: Pick<KeptHome, 'name'>): Promise<string | null> {
    const path = join(this.pathOf(home), noteFile);
    const facts = await lstat(path).catch(() => null);
    if (!facts?.isFile() || facts.size > maxNoteBytes) return null;
    return await readFile(path, 'utf8');
  }

  /** Deletes one, in the background. */
  async letGo(home: Pick<KeptHome, 'name'>): Promise<void> {
    await this.#parts.discard(this.pathOf(home), home.name);
  }

  /** Lets go of what is too old or too much, in the background, after measuring what is new. */
  tidy(): void {
    this.#again = true;
    this.#tidying ??= this.#tidyAll().finally(() => {
      this.#tidying = null;
      if (this.#again && !this.#end.signal.aborted) this.tidy();
    });
  }

  /** Waits until nothing is being measured or let go. */
  async settled(): Promise<void> {
    while (this.#tidying) await this.#tidying;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end.abort();
    await this.settled();
  }

  async #tidyAll(): Promise<void> {
    this.#again = false;
    try {
      await this.#letOldOnesGo();
      await this.#letGoBeyondTheBound();
      await this.#letGoForSpace();
    } catch (error) {
      if (!this.#end.signal.aborted) this.#parts.log.warn('the kept folders of kernels could not be tidied', { error });
    }
  }

  async #letOldOnesGo(): Promise<void> {
    const now = this.#parts.clock.now();
    const kept = await this.list();
    for (const [place, home] of kept.entries()) {
      if (home.until <= now || place >= maxKept) await this.#discard(home, 'its time is over');
    }
  }

  async #letGoBeyondTheBound(): Promise<void> {
    const { maxBytes } = this.#parts.limits;
    let total = 0;
    const kept = await this.list();
    for (const name of this.#sizes.keys()) if (!kept.some((home) => home.name === name)) this.#sizes.delete(name);
    for (const home of kept) {
      const size = (await this.#sizeOf(home.name)) ?? (await this.#measure(home));
      if (!size) continue;
      const { bytes, complete } = size;
      // One that is too much alone, or too much to be counted, takes no other along.
      const isTooMuch = !complete || bytes > maxBytes;
      if (!isTooMuch) total += bytes;
      if (isTooMuch || total > maxBytes) await this.#discard(home, 'it is beyond kernelet.trash-size');
    }
  }

  /** A full disk harms everybody. What is let go is waited for, so that no more goes than must. */
  async #letGoForSpace(): Promise<void> {
    for (const home of (await this.list()).toReversed()) {
      if (!(await this.#isShortOfSpace())) return;
      await this.#emptied();
      if (!(await this.#isShortOfSpace())) return;
      await this.#discard(home, 'the disk is nearly full');
    }
  }

  async #isShortOfSpace(): Promise<boolean> {
    const { folder, space = freeSpaceOf } = this.#parts;
    const { free, total } = await space(folder);
    return free < Math.min(total * freePart, freeBytes);
  }

  /** Throws the reason when these end: a tenant may have left millions of files. */
  async #emptied(): Promise<void> {
    await raceWithSignal(this.#parts.emptied(), this.#end.signal);
  }

  /** Null when that fails: the others are not to wait for this one. */
  async #measure({ name, kernel }: KeptHome): Promise<Size | null> {
    const { measure, log } = this.#parts;
    const { signal } = this.#end;
    signal.throwIfAborted();
    const path = this.pathOf({ name });
    try {
      const size = await measure(path, signal);
      this.#sizes.set(name, size);
      await writeFileAtomic(join(path, sizeFile), JSON.stringify(size));
      this.#sizes.delete(name);
      return size;
    } catch (error) {
      signal.throwIfAborted();
      log.warn('the size of the kept files of a kernel cannot be found out or written', { kernel, error });
      return this.#sizes.get(name) ?? null;
    }
  }

  async #sizeOf(name: string): Promise<Size | null> {
    const text = await readFile(join(this.#parts.folder, name, sizeFile), 'utf8').catch(() => '');
    const [, bytes, complete] = /^\{"bytes":(\d{1,15}),"complete":(true|false)\}$/.exec(text) ?? [];
    if (bytes === undefined) return this.#sizes.get(name) ?? null;
    return { bytes: Number(bytes), complete: complete === 'true' };
  }

  async #discard(home: KeptHome, why: string): Promise<void> {
    this.#parts.log.warn('the kept files of an ended kernel are deleted', { kernel: home.kernel, why });
    await this.letGo(home).catch((error: unknown) => {
      this.#parts.log.warn('the kept files of an ended kernel cannot be taken away', { kernel: home.kernel, error });
    });
  }
}

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await lstat(path)).isDirectory();
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return false;
    throw error;
  }
}

function noneIfAbsent(error: unknown): readonly string[] {
  if (isSystemError(error, 'ENOENT')) return [];
  throw error;
}
