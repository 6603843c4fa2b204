/** What ended kernels have used: one line of JSON each, in a file that is set aside when it is full. Two files stay. */
import { appendFile, readFile, rename, stat } from 'node:fs/promises';
import type { Logger } from '../lib/log.ts';
import { isSystemError } from '../lib/system-error.ts';
import type { KernelUsage } from './account.ts';

/** The record of an ended kernel. */
export interface FinalRecord extends KernelUsage {
  readonly kernelId: string;
  readonly sessionId: string | null;
  /** Why it ended; null when it ended while no agent ran. */
  readonly reason: string | null;
  /** Milliseconds since the epoch: the end, or when it was noticed. */
  readonly endedAt: number;
}

const mostBytes = 4 * 1024 * 1024;

/** The records of one folder. */
export class FinalRecords {
  readonly #path: string;
  readonly #older: string;
  readonly #log: Logger;
  readonly #mostBytes: number;
  #tail: Promise<void> = Promise.resolve();
  #waiting = 0;
  /** Whether the file may end within a line, of a crash or of a write that the disk took in part. */
  #maybeTorn = true;

  /** `path` ends in `.jsonl`. */
  constructor(path: string, log: Logger, options: { readonly mostBytes?: number } = {}) {
    this.#path = path;
    this.#older = path.replace(/\.jsonl$/, '.older.jsonl');
    this.#log = log;
    this.#mostBytes = options.mostBytes ?? mostBytes;
  }

  /** Adds a record. A disk that does not take it is logged, with the record. */
  add(record: FinalRecord): Promise<void> {
    this.#waiting += 1;
    this.#tail = this.#tail.then(async () => {
      try {
        await this.#append(`${JSON.stringify(record)}\n`);
      } catch (error) {
        this.#log.error('the final record of a kernel could not be written', { record, error });
      }
      this.#waiting -= 1;
    });
    return this.#tail;
  }

  /** How many wait to be written. */
  get waiting(): number {
    return this.#waiting;
  }

  /** The records that are kept, oldest first. Lines that are none are left out. */
  async all(): Promise<readonly FinalRecord[]> {
    await this.#tail;
    const text = `${await readOrEmpty(this.#older)}\n${await readOrEmpty(this.#path)}`;
    return text.split('\n').flatMap((line) => parse(line) ?? []);
  }

  /** Resolves when what was added is written. */
  async flushed(): Promise<void> {
    await this.#tail;
  }

  async #append(line: string): Promise<void> {
    const size = await stat(this.#path).then(
      (found) => found.size,
      () => 0,
    );
    if (size >= this.#mostBytes) await rename(this.#path, this.#older);
    const torn = this.#maybeTorn && !/(^|\n)$/.test(await readOrEmpty(this.#path));
    this.#maybeTorn = true;
    await appendFile(this.#path, torn ? `\n${line}` : line, { mode: 0o600 });
    this.#maybeTorn = false;
  }
}

function parse(line: string): FinalRecord | null {
  if (line === '') return null;
  try {
    const value: unknown = JSON.parse(line);
    const isRecord = typeof value === 'object' && value !== null && 'kernelId' in value && 'endedAt' in value;
    return isRecord ? (value as FinalRecord) : null;
  } catch {
    return null;
  }
}

async function readOrEmpty(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (thrown) {
    if (isSystemError(thrown, 'ENOENT')) return '';
    throw thrown;
  }
}
