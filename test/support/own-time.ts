/**
 * How long something takes this thread, with the time told apart in which it could have run and others had the
 * processor: by the system's own account, so that a busy machine spoils no figure.
 */
import { closeSync, existsSync, openSync, readSync } from 'node:fs';

/** Milliseconds. */
export interface Took {
  /** As a clock sees it. */
  readonly wallMs: number;
  /** Without the time in which others had the processor. */
  readonly ownMs: number;
}

const account = '/proc/thread-self/schedstat';

/** A watch of this thread. On a kernel that keeps no account of waiting, nothing is told apart. */
export class OwnTime implements Disposable {
  readonly #account = existsSync(account) ? openSync(account, 'r') : null;
  readonly #buffer = Buffer.alloc(128);
  #begun = 0;
  #waited = 0;

  begin(): void {
    this.#waited = this.#waitedMs();
    this.#begun = performance.now();
  }

  took(): Took {
    const wallMs = performance.now() - this.#begun;
    return { wallMs, ownMs: Math.max(0, wallMs - (this.#waitedMs() - this.#waited)) };
  }

  [Symbol.dispose](): void {
    if (this.#account !== null) closeSync(this.#account);
  }

  #waitedMs(): number {
    if (this.#account === null) return 0;
    const size = readSync(this.#account, this.#buffer, 0, this.#buffer.length, 0);
    return Number(this.#buffer.toString('latin1', 0, size).split(' ')[1]) / 1e6;
  }
}

/** The longest time that the event loop is held up while something is done, by each of the two reckonings. */
export async function maxBlock(work: () => Promise<unknown>): Promise<Took> {
  using watch = new OwnTime();
  let [wallMs, ownMs, working] = [0, 0, true];
  const tick = (): void => {
    const took = watch.took();
    watch.begin();
    wallMs = Math.max(wallMs, took.wallMs);
    ownMs = Math.max(ownMs, took.ownMs);
    if (working) setImmediate(tick);
  };
  watch.begin();
  setImmediate(tick);
  await work();
  working = false;
  await new Promise((resolve) => setImmediate(resolve));
  return { wallMs, ownMs };
}
