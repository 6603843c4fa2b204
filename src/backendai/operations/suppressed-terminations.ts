/**
 * Kernels whose ends managers do not want to hear of (spec rpc 8.7): noted, so that a restart of the agent between the
 * request and the end changes nothing.
 */
import type { KernelId } from '../../lib/ids.ts';
import { object, type Reader } from '../../lib/json-reader.ts';
import type { Logger } from '../../lib/log.ts';
import type { JsonStore } from '../../storage/json-store.ts';

/** That there is a note says it all. */
export type QuietNote = Readonly<Record<string, never>>;

/** Reads a note. */
export const quietNote: Reader<QuietNote> = object(() => ({}));

/** The marks. A disk that takes none costs what it costs after a restart, and nothing before. */
export class QuietMarks {
  readonly #notes: Pick<JsonStore<QuietNote>, 'all' | 'put' | 'remove'>;
  readonly #log: Logger;

  constructor(notes: Pick<JsonStore<QuietNote>, 'all' | 'put' | 'remove'>, log: Logger) {
    this.#notes = notes;
    this.#log = log;
  }

  /** How many ends are still to come. */
  get size(): number {
    return this.#notes.all.size;
  }

  has(kernel: KernelId): boolean {
    return this.#notes.all.has(kernel);
  }

  /** Marks a kernel; in force when this is called, and kept over a restart when it resolves. Never rejects. */
  async add(kernel: KernelId): Promise<void> {
    await this.#notes.put(kernel, {}).catch((error: unknown) => {
      this.#log.error('it could not be noted that the end of a kernel is not told', { kernel, error });
    });
  }

  delete(kernel: KernelId): void {
    this.#notes.remove(kernel).catch((error: unknown) => {
      this.#log.warn('a note could not be removed', { kernel, error });
    });
  }

  /** Drops the marks of kernels that have ended unseen; call it with those that are here, after recovery. */
  keepOnly(here: ReadonlySet<string>): void {
    for (const kernel of [...this.#notes.all.keys()]) if (!here.has(kernel)) this.delete(kernel as KernelId);
  }
}
