/**
 * Whether the machine has been started since the daemon last took over its kernels, by the id that the system gives each start: it is
 * noted in a file of the state folder. And when that start was, since a container may have been started after it already.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileAtomic } from '../../lib/atomic-file.ts';
import { currentBootId } from '../../lib/boot-id.ts';
import type { Logger } from '../../lib/log.ts';

const statFile = '/proc/stat';

/** The note of one state folder. Nothing of it throws: without it a kernel ends with a vaguer reason. */
export class BootNote {
  readonly #file: string;
  readonly #log: Logger;
  #rebootedAt: Promise<number | null> | null = null;

  constructor(stateDir: string, log: Logger) {
    this.#file = join(stateDir, 'boot-id');
    this.#log = log;
  }

  /**
   * When the machine was started, in milliseconds since the epoch, if that was since an earlier process wrote the note; null
   * also where that is not known. It is read once.
   */
  rebootedAt(): Promise<number | null> {
    this.#rebootedAt ??= this.#look();
    return this.#rebootedAt;
  }

  /** Notes the start that the machine runs since. */
  async write(): Promise<void> {
    const current = await currentBootId();
    if (current === null || current === (await read(this.#file))) return;
    await writeFileAtomic(this.#file, `${current}\n`).catch((error: unknown) => {
      this.#log.warn('the start of this machine could not be noted', { error });
    });
  }

  async #look(): Promise<number | null> {
    const [noted, current] = [await read(this.#file), await currentBootId()];
    if (noted === null || current === null || noted === current) return null;
    const seconds = /^btime (\d+(\.\d+)?)$/m.exec((await read(statFile)) ?? '')?.[1];
    return seconds === undefined ? null : Number(seconds) * 1000;
  }
}

/** Null where there is none. */
async function read(file: string): Promise<string | null> {
  const text = await readFile(file, 'utf8').catch(() => '');
  return text.trim() || null;
}
