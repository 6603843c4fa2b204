/**
 * The journal: one folder per kernel, `<state>/kernels/<id>/record.json`, each write atomic and synced. A file that
 * cannot be read is moved to `<state>/quarantine/` and takes nothing else with it.
 */
import { mkdir, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { syncFolder, writeFileAtomic } from '../lib/atomic-file.ts';
import { KerneletError } from '../lib/errors.ts';
import { isKernelId, type KernelId } from '../lib/ids.ts';
import type { Logger } from '../lib/log.ts';
import { KeyedMutex } from '../lib/semaphore.ts';
import type { StateWrites } from '../lib/state-writes.ts';
import { isSystemError, systemErrorCode, systemErrorText } from '../lib/system-error.ts';
import type { StateFolder } from '../storage/state-folder.ts';
import { decodeRecord, encodeRecord, type KernelRecord } from './record.ts';

/** A record that could not be read, and where it lies now. */
export interface QuarantinedRecord {
  /** The name of the kernel's folder: its id, unless that is damaged too. */
  readonly name: string;
  readonly movedTo: string;
  readonly problem: string;
}

/** What a start finds: the records, and what could not be read and has been put aside. */
export interface JournalContent {
  readonly records: readonly KernelRecord[];
  readonly quarantined: readonly QuarantinedRecord[];
}

/** A journal as actors use it. */
export interface Journal {
  /** Replaces the kernel's record. Throws STATE_UNUSABLE; then the old one stands. */
  write(record: KernelRecord): Promise<void>;
  /** Removes the kernel's record, and what of it was put aside; an absent one is success. */
  remove(kernel: KernelId): Promise<void>;
  /** Reads all records, putting aside what is damaged. Throws STATE_UNUSABLE when they cannot be read now. */
  load(): Promise<JournalContent>;
  /** Kernels with a record that was put aside, now or by an earlier process. Throws STATE_UNUSABLE. */
  putAside(): Promise<ReadonlySet<KernelId>>;
}

const fileName = 'record.json';

/** Errors that say nothing about the record: to put a good one aside would end its kernel. */
const passing = ['EMFILE', 'ENFILE', 'ENOMEM', 'EACCES', 'EPERM'];

const unreadable = (folder: string, cause: unknown): KerneletError =>
  new KerneletError('STATE_UNUSABLE', `cannot read the journal in ${folder} (${systemErrorCode(cause)})`, {
    cause,
    context: { path: folder },
  });

/** The kernel of something that was put aside, whose name is that of its folder with a time. */
const kernelOf = (name: string): string => name.replace(/\..*/s, '');

/** A journal in a folder. */
export class FileJournal implements Journal {
  readonly #kernels: string;
  readonly #quarantine: string;
  readonly #writes: StateWrites;
  readonly #log: Logger;
  /**
   * What is done about one kernel's record is done in order. Callers stop waiting for a disk that hangs, and what they
   * asked for must not come after what they ask for next.
   */
  readonly #order = new KeyedMutex<KernelId>();
  /**
   * Kernels whose folders this process has synced. That one is there proves nothing: the write that has made it may have failed, or
   * its process may have been killed, before that.
   */
  readonly #synced = new Set<KernelId>();
  #serial = 0;

  /**
   * `kernels` and `quarantine` are folders of one file system; they must exist. `writes`: records come after the events that
   * were published before them.
   */
  constructor(state: Pick<StateFolder, 'kernels' | 'quarantine' | 'writes'>, log: Logger) {
    this.#kernels = state.kernels;
    this.#quarantine = state.quarantine;
    this.#writes = state.writes;
    this.#log = log;
  }

  write(record: KernelRecord): Promise<void> {
    // A creation that cannot be recorded is refused, which is what is wanted of a full disk.
    const options = { sparesBallast: record.phase === 'creating' };
    return this.#order.run(record.spec.id, () => this.#writes.after(() => this.#write(record), options));
  }

  remove(kernel: KernelId): Promise<void> {
    return this.#order.run(kernel, () => this.#writes.afterSync(() => this.#remove(kernel)));
  }

  async #write(record: KernelRecord): Promise<void> {
    const folder = join(this.#kernels, record.spec.id);
    try {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      await writeFileAtomic(join(folder, fileName), encodeRecord(record));
      if (this.#synced.has(record.spec.id)) return;
      await syncFolder(this.#kernels);
      this.#synced.add(record.spec.id);
    } catch (error) {
      if (error instanceof KerneletError) throw error;
      const code = systemErrorText(error);
      throw new KerneletError('STATE_UNUSABLE', `cannot write the journal in ${folder} (${code})`, {
        cause: error,
        context: { path: folder },
      });
    }
  }

  async load(): Promise<JournalContent> {
    const records: KernelRecord[] = [];
    const quarantined: QuarantinedRecord[] = [];
    const names = await readdir(this.#kernels).catch((error: unknown) => {
      throw unreadable(this.#kernels, error);
    });
    for (const name of names) {
      const folder = join(this.#kernels, name);
      try {
        const record = decodeRecord(await readFile(join(folder, fileName), 'utf8'));
        if (record.spec.id !== name) throw new Error(`it is the record of ${record.spec.id}`);
        records.push(record);
      } catch (error) {
        // A write that never finished leaves a folder without a record: nothing was started for it.
        if (isSystemError(error, 'ENOENT')) await rm(folder, { recursive: true, force: true });
        else if (isSystemError(error, ...passing)) throw unreadable(folder, error);
        else quarantined.push(await this.#putAside(name, folder, error));
      }
    }
    return { records, quarantined };
  }

  async putAside(): Promise<ReadonlySet<KernelId>> {
    const names = await readdir(this.#quarantine).catch((error: unknown) => {
      throw unreadable(this.#quarantine, error);
    });
    // A name that is no kernel's stands for no kernel, so nothing needs to be kept for it.
    return new Set(names.map(kernelOf).filter(isKernelId));
  }

  async #remove(kernel: KernelId): Promise<void> {
    this.#synced.delete(kernel);
    await rm(join(this.#kernels, kernel), { recursive: true, force: true });
    await syncFolder(this.#kernels);
    const aside = (await readdir(this.#quarantine)).filter((name) => kernelOf(name) === kernel);
    for (const name of aside) await rm(join(this.#quarantine, name), { recursive: true, force: true });
  }

  async #putAside(name: string, folder: string, error: unknown): Promise<QuarantinedRecord> {
    const problem = error instanceof Error ? error.message : String(error);
    this.#serial += 1;
    const movedTo = join(this.#quarantine, `${name}.${Date.now()}.${this.#serial}`);
    await rename(folder, movedTo).catch((reason: unknown) => {
      this.#log.error('a damaged record could not be put aside', { folder, error: reason });
    });
    this.#log.error('a record of the journal cannot be read and was put aside', { kernel: name, problem, movedTo });
    return { name, movedTo, problem };
  }
}
