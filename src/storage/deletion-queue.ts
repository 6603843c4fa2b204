/**
 * A folder whose contents are deleted in the background, with retries. What lies in it was written by tenants:
 * symlinks are removed and never followed, and mounts left below are let go first, or their contents would be deleted.
 */
import { chmod, mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../lib/clock.ts';
import { withDeadline } from '../lib/deadline.ts';
import { removeTree } from '../lib/folders.ts';
import type { Logger } from '../lib/log.ts';
import { letMountsGo } from '../lib/mount-table.ts';
import { Backoff, retry } from '../lib/retry.ts';

const tries = 5;
/** How long a process that ends goes on deleting: a tenant may have left millions of files. */
const lastMomentMs = 5_000;

/** What is to be deleted, in a folder beside what lives, so that a rename is enough to take it away. */
export class DeletionQueue implements AsyncDisposable {
  readonly #folder: string;
  readonly #log: Logger;
  readonly #clock: Clock;
  /** Ends the retries: the daemon stops. */
  readonly #stop = new AbortController();
  /** Ends the deleting itself, in the middle of a folder: the daemon has waited long enough. */
  readonly #abandon = new AbortController();
  #running: Promise<void> | null = null;
  #again = false;
  #serial = 0;

  constructor(folder: string, log: Logger, clock: Clock) {
    this.#folder = folder;
    this.#log = log;
    this.#clock = clock;
  }

  /** A free path in the queue's folder, on the same file system as its siblings, to rename something to. */
  async place(name: string): Promise<string> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    this.#serial += 1;
    return join(this.#folder, `${name}.${this.#clock.now()}.${this.#serial}`);
  }

  /** Starts deleting, unless it is going on already; then it looks once more afterwards. */
  empty(): void {
    if (this.#running) {
      this.#again = true;
      return;
    }
    this.#running = this.#deleteAll().finally(() => {
      this.#running = null;
      if (this.#again && !this.#stop.signal.aborted) {
        this.#again = false;
        this.empty();
      }
    });
  }

  /** Waits until the deletion under way has ended. */
  async settled(): Promise<void> {
    while (this.#running) await this.#running;
  }

  /** Ends the retries, and after a moment the deleting; what is left is deleted by the next process. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    const options = { what: 'the deletion under way', timeoutMs: lastMomentMs, clock: this.#clock };
    await withDeadline(options, () => this.settled()).catch(() => {});
    this.#abandon.abort();
  }

  async #deleteAll(): Promise<void> {
    const { signal } = this.#stop;
    const backoff = new Backoff({ initialMs: 200, maximumMs: 10_000, clock: this.#clock });
    const isRetryable = (): boolean => backoff.attempts < tries;
    await retry({ backoff, signal, isRetryable }, () => this.#deleteEach()).catch((error: unknown) => {
      if (signal.aborted) return;
      this.#log.error('scratch folders could not be deleted; the next start tries again', { error });
    });
  }

  /** Goes on after a failure, and throws the last one in the end. */
  async #deleteEach(): Promise<void> {
    const failures: unknown[] = [];
    for (const name of await readdir(this.#folder).catch(() => [])) {
      if (this.#abandon.signal.aborted) return;
      await this.#delete(join(this.#folder, name)).catch((error: unknown) => failures.push(error));
    }
    if (failures.length > 0) throw failures.at(-1);
  }

  async #delete(path: string): Promise<void> {
    await letMountsGo(path);
    // A tenant may have taken the agent's own permissions from a folder; root needs none, others do.
    if (process.geteuid?.() !== 0) await chmod(path, 0o700).catch(() => {});
    await removeTree(path, this.#abandon.signal);
  }
}
