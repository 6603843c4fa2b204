/**
 * Folders of kernels to come whose homes are limited, made ahead in the background: to make and mount an image takes longer
 * than all else that a folder needs, and a folder that is renamed takes what is mounted in it along. The folder of the pool
 * is its journal: what lies there and is not this process's own is of an earlier one, and goes.
 */
import { randomUUID } from 'node:crypto';
import { mkdir, readdir, rename, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock, sleep } from '../lib/clock.ts';
import { KerneletError } from '../lib/errors.ts';
import type { Logger } from '../lib/log.ts';
import { CoalescedTask } from '../lib/single-flight.ts';
import { makeHomeDisk, mountHomeDisk } from './home-disk.ts';

/** Where it lies, and how many it keeps. */
export interface HomeDiskPoolParts {
  /** On the file system of the kernels' folders, for root alone. */
  readonly folder: string;
  /** How many are kept ready, of one size; 0 = none. */
  readonly target: number;
  /** The size to begin with; null = none until a kernel has asked for one. */
  readonly homeBytes: number | null;
  /** Takes a folder away for good, with what is mounted in it. */
  readonly discard: (path: string, name: string) => Promise<void>;
  readonly clock: Clock;
  readonly log: Logger;
}

/** From a creation to the making of the next: the kernel is to get ready first. */
const pauseMs = 1_000;

interface ReadyFolder {
  readonly name: string;
  readonly homeBytes: number;
}

/** Disposing it takes away what it has. */
export class HomeDiskPool implements AsyncDisposable {
  readonly #parts: HomeDiskPoolParts;
  readonly #end = new AbortController();
  readonly #filling: CoalescedTask;
  /** Names of those that are being made, and of those that are ready. */
  readonly #own = new Set<string>();
  #ready: readonly ReadyFolder[] = [];
  /** Whether this process has made the pool's folder: one without limited homes does not wait for the disk at its end. */
  #isMade = false;
  /** The size that was asked for last. */
  #homeBytes: number | null;

  constructor(parts: HomeDiskPoolParts) {
    this.#parts = parts;
    this.#homeBytes = parts.homeBytes;
    this.#filling = new CoalescedTask(() => this.#fill());
  }

  /** Moves a folder with a mounted home of this size to a path that is free. Throws the system's error, NOT_SUPPORTED, the signal's reason. */
  async place(homeBytes: number, path: string, signal?: AbortSignal): Promise<void> {
    if (process.geteuid?.() !== 0) {
      throw new KerneletError(
        'NOT_SUPPORTED',
        'the home cannot be limited: only an agent that is root can mount its image',
      );
    }
    const found = this.#ready.find((one) => one.homeBytes === homeBytes);
    this.#ready = this.#ready.filter((one) => one !== found);
    const ends = AbortSignal.any([this.#end.signal, ...(signal ? [signal] : [])]);
    const name = found?.name ?? (await this.#make(homeBytes, ends));
    try {
      ends.throwIfAborted();
      await rename(join(this.#parts.folder, name), path);
    } catch (error) {
      await this.#discard(name);
      throw error;
    } finally {
      this.#own.delete(name);
    }
    this.#homeBytes = homeBytes;
    this.#filling.request();
  }

  /** Takes away what an earlier process has made, and makes what is missing, in the background. */
  tidy(): void {
    this.#removeForeign().catch((error: unknown) => {
      this.#parts.log.warn('homes that an earlier process had made ahead cannot be taken away', { error });
    });
    this.#filling.request();
  }

  /** Waits until none is being made. */
  async settled(): Promise<void> {
    await this.#filling.settled();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end.abort();
    await this.settled();
    const left = this.#ready;
    this.#ready = [];
    await Promise.all(left.map(({ name }) => this.#discard(name)));
    // One that has something in it stays for the next process.
    if (this.#isMade) await rmdir(this.#parts.folder).catch(() => {});
  }

  async #removeForeign(): Promise<void> {
    const names = await readdir(this.#parts.folder).catch(() => null);
    if (names === null) return;
    for (const name of names) if (!this.#own.has(name)) await this.#parts.discard(join(this.#parts.folder, name), name);
    // It is empty where a process was killed that had just given its last one to a kernel.
    if (this.#own.size === 0) await rmdir(this.#parts.folder).catch(() => {});
  }

  /** Makes folders up to the target. Never rejects. */
  async #fill(): Promise<void> {
    const { target, clock, log } = this.#parts;
    const { signal } = this.#end;
    if (target === 0 || signal.aborted) return;
    await sleep(clock, pauseMs, signal).catch(() => {});
    while (!signal.aborted && this.#homeBytes !== null) {
      const homeBytes = this.#homeBytes;
      for (const other of this.#ready.filter((one) => one.homeBytes !== homeBytes)) {
        this.#ready = this.#ready.filter((one) => one !== other);
        await this.#discard(other.name);
      }
      if (this.#ready.length >= target) return;
      try {
        const name = await this.#make(homeBytes, signal);
        this.#ready = [...this.#ready, { name, homeBytes }];
      } catch (error) {
        // A kernel that asks for one is told, and has it tried again.
        if (this.#homeBytes === homeBytes) this.#homeBytes = null;
        if (!signal.aborted) log.warn('a home could not be made ahead', { homeBytes, error });
      }
    }
  }

  /** Makes a folder with a mounted home, whose name is from then on this process's own. */
  async #make(homeBytes: number, signal: AbortSignal): Promise<string> {
    const name = randomUUID();
    const path = join(this.#parts.folder, name);
    this.#own.add(name);
    this.#isMade = true;
    try {
      await mkdir(path, { recursive: true, mode: 0o700 });
      await makeHomeDisk(path, homeBytes, signal);
      await mountHomeDisk(path, false, signal);
      return name;
    } catch (error) {
      await this.#discard(name);
      throw error;
    }
  }

  /** Never rejects: what is left is foreign, and goes at the next tidying. */
  async #discard(name: string): Promise<void> {
    this.#own.delete(name);
    await this.#parts.discard(join(this.#parts.folder, name), name).catch((error: unknown) => {
      this.#parts.log.warn('a home that was made ahead cannot be taken away', { error });
    });
  }
}
