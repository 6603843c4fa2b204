/**
 * The accounts on disk, so that they go on after a restart of the agent: one file, written once a minute at most and at
 * the end, and not synced, as a minute's figures are not worth a wait for the disk.
 */
import { readFile } from 'node:fs/promises';
import { writeFileAtomic } from '../lib/atomic-file.ts';
import type { Clock } from '../lib/clock.ts';
import { listOfThose, object } from '../lib/json-reader.ts';
import type { Logger } from '../lib/log.ts';
import { isSystemError } from '../lib/system-error.ts';
import { type Account, readAccount } from './account.ts';

const minPauseMs = 60_000;

/** An account that is damaged is left out, since the others are worth as much without it. */
const readAccounts = object((of) => of('accounts', listOfThose(readAccount)));

/** `accounts.json` below the folder of statistics. */
export class AccountFile {
  readonly #path: string;
  readonly #clock: Clock;
  readonly #log: Logger;
  #writtenAt: number;

  constructor(path: string, clock: Clock, log: Logger) {
    this.#path = path;
    this.#clock = clock;
    this.#log = log;
    this.#writtenAt = clock.monotonic();
  }

  /** The accounts of an earlier process; none when there was no file, or, with a warning, when it can't be read. */
  async load(): Promise<readonly Account[]> {
    try {
      return readAccounts(JSON.parse(await readFile(this.#path, 'utf8')), 'accounts.json');
    } catch (error) {
      if (!isSystemError(error, 'ENOENT')) {
        this.#log.warn('the file of accounts cannot be read; counting begins anew', { path: this.#path, error });
      }
      return [];
    }
  }

  /** Writes the accounts unless the last time is less than a minute ago. */
  async maybeWrite(accounts: Iterable<Account>): Promise<void> {
    if (this.#clock.monotonic() - this.#writtenAt >= minPauseMs) await this.write(accounts);
  }

  /** Writes the accounts. A disk that does not take them is logged. */
  async write(accounts: Iterable<Account>): Promise<void> {
    this.#writtenAt = this.#clock.monotonic();
    try {
      await writeFileAtomic(this.#path, JSON.stringify({ version: 1, accounts: [...accounts] }), { durable: false });
    } catch (error) {
      this.#log.warn('the accounts could not be written', { path: this.#path, error });
    }
  }
}
