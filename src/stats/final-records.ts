/** What ended kernels have used: one line of JSON each, in a file that is set aside when it is full. Two files stay. */
import { appendFile, readFile, rename, stat } from 'node:fs/promises';
import { nullable, number, object, type Reader, readOrNull, text } from '../lib/json-reader.ts';
import type { Logger } from '../lib/log.ts';
import { isSystemError } from '../lib/system-error.ts';
import { type KernelUsage, usageBy } from './account.ts';

/** The record of an ended kernel. */
export interface FinalRecord extends KernelUsage {
  readonly kernelId: string;
  readonly sessionId: string | null;
  /** Why it ended; null when it ended while no agent ran. */
  readonly reason: string | null;
  /** Milliseconds since the epoch: the end, or when it was noticed. */
  readonly endedAt: number;
}

const maxBytes = 4 * 1024 * 1024;
/** Some minutes of a disk that takes nothing, on a busy node. */
const maxWaiting = 10_000;
const maxAtOnce = 500;

/** The records of one folder. */
export class FinalRecords {
  readonly #path: string;
  readonly #older: string;
  readonly #log: Logger;
  readonly #maxBytes: number;
  readonly #records: FinalRecord[] = [];
  /** How many are being written now. */
  #atHand = 0;
  #writing: Promise<void> | null = null;
  /** Whether the file may end within a line, of a crash or of a write that the disk took in part. */
  #maybeTorn = true;

  /** `path` ends in `.jsonl`. */
  constructor(path: string, log: Logger, options: { readonly maxBytes?: number } = {}) {
    this.#path = path;
    this.#older = path.replace(/\.jsonl$/, '.older.jsonl');
    this.#log = log;
    this.#maxBytes = options.maxBytes ?? maxBytes;
  }

  /** Adds a record. One that the disk does not take, or that too many wait before, is logged and left out. */
  add(record: FinalRecord): void {
    if (this.waiting >= maxWaiting) {
      this.#log.error('the final record of a kernel was left out: too many wait for the disk', { record });
      return;
    }
    this.#records.push(record);
    this.#writing ??= this.#write();
  }

  /** How many wait to be written. */
  get waiting(): number {
    return this.#records.length + this.#atHand;
  }

  /** The records that are kept, oldest first. Lines that are none are left out. */
  async all(): Promise<readonly FinalRecord[]> {
    await this.flushed();
    const lines = `${await readOrEmpty(this.#older)}\n${await readOrEmpty(this.#path)}`;
    return lines.split('\n').flatMap((line) => readOrNull(readRecord, line) ?? []);
  }

  /** Resolves when what was added is written. */
  async flushed(): Promise<void> {
    while (this.#writing) await this.#writing;
  }

  /** Those that came while others were written are written together. */
  async #write(): Promise<void> {
    while (this.#records.length > 0) {
      const records = this.#records.splice(0, maxAtOnce);
      this.#atHand = records.length;
      try {
        await this.#append(records.map((record) => `${JSON.stringify(record)}\n`).join(''));
      } catch (error) {
        this.#log.error('the final records of kernels could not be written', { records, error });
      }
      this.#atHand = 0;
    }
    this.#writing = null;
  }

  async #append(lines: string): Promise<void> {
    const size = await stat(this.#path).then(
      (found) => found.size,
      () => 0,
    );
    if (size >= this.#maxBytes) await rename(this.#path, this.#older);
    const torn = this.#maybeTorn && !/(^|\n)$/.test(await readOrEmpty(this.#path));
    this.#maybeTorn = true;
    await appendFile(this.#path, torn ? `\n${lines}` : lines, { mode: 0o600 });
    this.#maybeTorn = false;
  }
}

const readRecord: Reader<FinalRecord> = object((of) => ({
  kernelId: of('kernelId', text),
  sessionId: of('sessionId', nullable(text)),
  reason: of('reason', nullable(text)),
  endedAt: of('endedAt', number),
  ...usageBy(of),
}));

async function readOrEmpty(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (thrown) {
    if (isSystemError(thrown, 'ENOENT')) return '';
    throw thrown;
  }
}
