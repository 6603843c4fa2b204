/**
 * Small things that must be known after a restart: a folder with one JSON file for each, written whole and synced. What
 * cannot be read is logged and dropped, and takes nothing else with it.
 */
import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { removeFileDurably, unfinishedFileForm, writeFileAtomic } from '../lib/atomic-file.ts';
import { makeFolderDurably } from '../lib/folders.ts';
import type { Reader } from '../lib/json-reader.ts';
import type { Logger } from '../lib/log.ts';
import { KeyedMutex } from '../lib/semaphore.ts';
import type { StateWrites } from '../lib/state-writes.ts';

const ending = '.json';
const nameForm = /^[A-Za-z0-9][A-Za-z0-9-]{0,63}$/;

/** Values of one type by name: a UUID or the like. */
export class JsonStore<Value> {
  readonly #folder: string;
  readonly #values: Map<string, Value>;
  /** Writes of one entry are done one after the other. */
  readonly #locks = new KeyedMutex<string>();

  readonly #writes: StateWrites;

  private constructor(folder: string, values: Map<string, Value>, writes: StateWrites) {
    this.#folder = folder;
    this.#values = values;
    this.#writes = writes;
  }

  /**
   * Opens the folder, making it when it is absent, and reads what an earlier process left. `writes`: entries come after the
   * events that were published before them, on the disk too. Throws the system's error.
   */
  static async open<Value>(
    folder: string,
    read: Reader<Value>,
    { writes, log }: { readonly writes: StateWrites; readonly log: Logger },
  ): Promise<JsonStore<Value>> {
    await makeFolderDurably(folder, 0o700);
    const values = new Map<string, Value>();
    for (const file of await readdir(folder)) {
      const path = join(folder, file);
      if (unfinishedFileForm.test(file)) await rm(path, { force: true });
      if (!file.endsWith(ending)) continue;
      const name = file.slice(0, -ending.length);
      try {
        if (!nameForm.test(name)) throw new Error('its name is not that of an entry');
        values.set(name, read(JSON.parse(await readFile(path, 'utf8')), name));
      } catch (error) {
        log.error('a stored entry cannot be read and is dropped', { path, error });
        await rm(path, { force: true });
      }
    }
    return new JsonStore(folder, values, writes);
  }

  /** All entries by name; what cannot be read is left out. */
  get all(): ReadonlyMap<string, Value> {
    return this.#values;
  }

  /** Writes an entry, in place of one that is there. Throws STATE_UNUSABLE; then the old one stands on the disk. */
  async put(name: string, value: Value): Promise<void> {
    if (!nameForm.test(name)) throw new TypeError(`${name} cannot be the name of an entry`);
    this.#values.set(name, value);
    await this.#locks.run(name, () =>
      this.#writes.afterSync(() => writeFileAtomic(this.#path(name), `${JSON.stringify(value)}\n`)),
    );
  }

  /** Removes an entry; an absent one is success. Throws STATE_UNUSABLE. */
  async remove(name: string): Promise<void> {
    if (!this.#values.delete(name)) return;
    await this.#locks.run(name, () => this.#writes.afterSync(() => removeFileDurably(this.#path(name))));
  }

  #path(name: string): string {
    return join(this.#folder, `${name}${ending}`);
  }
}
