/**
 * Whether the machine has been started since the daemon last took over its kernels, by the id that the system gives each start: it is
 * noted in a file of the state folder.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileAtomic } from '../../lib/atomic-file.ts';
import type { Logger } from '../../lib/log.ts';

const systemFile = '/proc/sys/kernel/random/boot_id';

/** The note of one state folder. Nothing of it throws: without it a kernel ends with a vaguer reason. */
export class BootNote {
  readonly #file: string;
  readonly #log: Logger;

  constructor(stateDir: string, log: Logger) {
    this.#file = join(stateDir, 'boot-id');
    this.#log = log;
  }

  /** False also where that is not known. */
  async isRebooted(): Promise<boolean> {
    const [noted, current] = [await read(this.#file), await read(systemFile)];
    return noted !== null && current !== null && noted !== current;
  }

  /** Notes the start that the machine runs since. */
  async write(): Promise<void> {
    const current = await read(systemFile);
    if (current === null || current === (await read(this.#file))) return;
    await writeFileAtomic(this.#file, `${current}\n`).catch((error: unknown) => {
      this.#log.warn('the start of this machine could not be noted', { error });
    });
  }
}

/** Null where there is none. */
async function read(file: string): Promise<string | null> {
  const text = await readFile(file, 'utf8').catch(() => '');
  return text.trim() || null;
}
