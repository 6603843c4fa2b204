/**
 * The ballast: a file of the state folder that is there to be deleted. When the disk is full, its room goes to what must not be
 * lost: how kernels have ended, and that it is told. That kernels are made no more by then is the matter of `disk-reserve.ts`.
 */
import { randomFillSync } from 'node:crypto';
import { open, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { syncFolder } from '../lib/atomic-file.ts';
import type { Clock } from '../lib/clock.ts';
import { type FreeSpace, freeSpaceOf } from '../lib/disk-space.ts';
import type { Logger } from '../lib/log.ts';
import { runPeriodically } from '../lib/retry.ts';
import { isSystemError } from '../lib/system-error.ts';

/** Some thousand records of kernels, or ten times as many events; on a small disk this part of it. */
const [maxBytes, largestPart] = [4 * 2 ** 20, 0.01];
/** It is made where so many times its size are free: what has just become free is the tenants' first. */
const roomFactor = 4;
const chunkBytes = 64 * 1024;
const lookMs = 10_000;
/** Where there was room and it could not be made all the same, as under a quota, each try takes from what others may write. */
const afterFailureMs = 600_000;

/** The ballast of one state folder. */
export class Ballast {
  readonly #folder: string;
  readonly #path: string;
  readonly #space: (folder: string) => Promise<FreeSpace>;

  /** Nothing is made yet. `space`: as the system says when absent. */
  constructor(folder: string, space: (folder: string) => Promise<FreeSpace> = freeSpaceOf) {
    this.#folder = folder;
    this.#path = join(folder, 'ballast');
    this.#space = space;
  }

  /** Makes it where there is room and none is there; answers whether it is there. Throws the system's error, and leaves none then. */
  async make(): Promise<boolean> {
    const { free, total } = await this.#space(this.#folder);
    const bytes = Math.floor(Math.min(maxBytes, total * largestPart));
    if ((await sizeOf(this.#path)) >= bytes) return true;
    if (free < bytes * roomFactor) return false;
    try {
      await write(this.#path, bytes);
      return true;
    } catch (error) {
      await this.giveUp();
      throw error;
    }
  }

  /** Deletes it; an absent one is success. Its room is free when this resolves. Throws the system's error. */
  async giveUp(): Promise<void> {
    await rm(this.#path, { force: true });
    // File systems with a journal give room away once the deletion is in it.
    await syncFolder(this.#folder);
  }

  /** Makes it now, and again whenever it was given up and there is room, until the signal aborts. */
  async keep(clock: Clock, log: Logger, signal: AbortSignal): Promise<void> {
    let wasThere = true;
    let notBefore = 0;
    const round = async (): Promise<void> => {
      if (clock.monotonic() < notBefore) return;
      notBefore = clock.monotonic() + afterFailureMs;
      const isThere = await this.make();
      if (wasThere && !isThere)
        log.warn('the disk is full: there is no ballast to record ends of kernels with', { file: this.#path });
      if (!wasThere && isThere) log.info('there is room on the disk again: the ballast is there', { file: this.#path });
      wasThere = isThere;
      notBefore = 0;
    };
    await round().catch((error: unknown) => log.warn('the ballast could not be made', { file: this.#path, error }));
    await runPeriodically({ name: 'ballast', pauseMs: lookMs, round }, clock, log, signal);
  }
}

async function sizeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return -1;
    throw error;
  }
}

/** Its bytes are random, so that it takes its size also where the file system compresses. */
async function write(path: string, bytes: number): Promise<void> {
  await using file = await open(path, 'w', 0o600);
  for (let left = bytes; left > 0; left -= chunkBytes) {
    await file.writeFile(randomFillSync(Buffer.allocUnsafe(Math.min(left, chunkBytes))));
  }
  await file.sync();
}
