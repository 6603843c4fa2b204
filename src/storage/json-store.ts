/**
 * Small things that must be known after a restart: a folder with one JSON file for each, written whole and synced. What
 * cannot be read is said and dropped, and takes nothing else with it.
 */
import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { removeFileDurably, unfinishedFileForm, writeFileAtomic } from '../lib/atomic-file.ts';
import { makeFolder } from '../lib/folders.ts';
import type { Reader } from '../lib/json-reader.ts';
import type { Logger } from '../lib/log.ts';
import { KeyedMutex } from '../lib/semaphore.ts';

const ending = '.json';
const nameForm = /^[A-Za-z0-9][A-Za-z0-9-]{0,63}$/;

/** Notes of one kind by name: a UUID or the like. */
export class JsonStore<Note> {
  readonly #folder: string;
  readonly #notes: Map<string, Note>;
  /** What is done about one note is done in order. */
  readonly #order = new KeyedMutex<string>();

  private constructor(folder: string, notes: Map<string, Note>) {
    this.#folder = folder;
    this.#notes = notes;
  }

  /** Opens the folder, making it when it is absent, and reads what an earlier process left. Throws the system's error. */
  static async open<Note>(folder: string, read: Reader<Note>, log: Logger): Promise<JsonStore<Note>> {
    await makeFolder(folder, 0o700);
    const notes = new Map<string, Note>();
    for (const file of await readdir(folder)) {
      const path = join(folder, file);
      if (unfinishedFileForm.test(file)) await rm(path, { force: true });
      if (!file.endsWith(ending)) continue;
      const name = file.slice(0, -ending.length);
      try {
        if (!nameForm.test(name)) throw new Error('its name is none of a note');
        notes.set(name, read(JSON.parse(await readFile(path, 'utf8')), name));
      } catch (error) {
        log.error('a note cannot be read and is dropped', { path, error });
        await rm(path, { force: true });
      }
    }
    return new JsonStore(folder, notes);
  }

  /** All of them by name. */
  get all(): ReadonlyMap<string, Note> {
    return this.#notes;
  }

  /** Writes a note, in place of one that is there. Throws STATE_UNUSABLE; then the old one stands on the disk. */
  async put(name: string, note: Note): Promise<void> {
    if (!nameForm.test(name)) throw new TypeError(`${name} cannot be the name of a note`);
    this.#notes.set(name, note);
    await this.#order.run(name, () => writeFileAtomic(this.#path(name), `${JSON.stringify(note)}\n`));
  }

  /** Removes a note; an absent one is success. Throws STATE_UNUSABLE. */
  async remove(name: string): Promise<void> {
    if (!this.#notes.delete(name)) return;
    await this.#order.run(name, () => removeFileDurably(this.#path(name)));
  }

  #path(name: string): string {
    return join(this.#folder, `${name}${ending}`);
  }
}
