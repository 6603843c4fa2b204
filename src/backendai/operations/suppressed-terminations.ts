/**
 * Kernels whose terminations managers do not want to read (spec rpc 8.7): noted, so that a restart of the agent between the
 * request and the end changes nothing.
 */
import path from 'node:path';
import type { KernelId } from '../../lib/ids.ts';
import { object, type Reader } from '../../lib/json-reader.ts';
import type { Logger } from '../../lib/log.ts';
import { JsonStore } from '../../storage/json-store.ts';
import type { StateFolder } from '../../storage/state-folder.ts';

/** That there is a note says it all. */
type SuppressedTerminationNote = Readonly<Record<string, never>>;

const suppressedTerminationNote: Reader<SuppressedTerminationNote> = object(() => ({}));

/** The kernels. Where the disk takes no note, a restart forgets them. */
export class SuppressedTerminations {
  readonly #notes: Pick<JsonStore<SuppressedTerminationNote>, 'all' | 'put' | 'remove'>;
  readonly #log: Logger;

  constructor(notes: Pick<JsonStore<SuppressedTerminationNote>, 'all' | 'put' | 'remove'>, log: Logger) {
    this.#notes = notes;
    this.#log = log;
  }

  /** Reads what an earlier process has noted. */
  static async open(state: Pick<StateFolder, 'path' | 'writes'>, log: Logger): Promise<SuppressedTerminations> {
    const notes = await JsonStore.open(path.join(state.path, 'quiet'), suppressedTerminationNote, {
      writes: state.writes,
      log,
    });
    return new SuppressedTerminations(notes, log);
  }

  /** How many terminations are still to come. */
  get size(): number {
    return this.#notes.all.size;
  }

  has(kernel: KernelId): boolean {
    return this.#notes.all.has(kernel);
  }

  /** Marks a kernel; in force when this is called, and kept over a restart when it resolves. Never rejects. */
  async add(kernel: KernelId): Promise<void> {
    await this.#notes.put(kernel, {}).catch((error: unknown) => {
      this.#log.error('cannot persist that the termination of a kernel is suppressed', { kernel, error });
    });
  }

  delete(kernel: KernelId): void {
    this.#notes.remove(kernel).catch((error: unknown) => {
      this.#log.warn('cannot remove the note of a suppressed termination', { kernel, error });
    });
  }

  /** Drops the marks of kernels that have ended unseen; call it with those that are here, after recovery. */
  keepOnly(here: ReadonlySet<string>): void {
    for (const kernel of [...this.#notes.all.keys()]) if (!here.has(kernel)) this.delete(kernel as KernelId);
  }
}
