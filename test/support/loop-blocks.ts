/** How long the event loop was held up, with the time told apart in which other programs had the processor. */
import { closeSync, openSync, readSync } from 'node:fs';

/** A time that the loop was held up, in milliseconds. */
export interface Block {
  /** As a clock sees it. */
  readonly wallMs: number;
  /** Without the time in which this thread could have run and others had the processor. */
  readonly ownMs: number;
}

/** Holds the system's account of this thread open. */
class Waiting implements Disposable {
  readonly #file = openSync('/proc/thread-self/schedstat', 'r');
  readonly #buffer = Buffer.alloc(128);

  /** Milliseconds that this thread has waited for a processor. */
  ms(): number {
    const size = readSync(this.#file, this.#buffer, 0, this.#buffer.length, 0);
    const nanoseconds = Number(this.#buffer.toString('latin1', 0, size).split(' ')[1]);
    return nanoseconds / 1e6;
  }

  [Symbol.dispose](): void {
    closeSync(this.#file);
  }
}

/** The longest block while something is done, by each of the two reckonings. */
export async function longestBlock(work: () => Promise<unknown>): Promise<Block> {
  using waiting = new Waiting();
  let [wallMs, ownMs, working] = [0, 0, true];
  let [at, waited] = [performance.now(), waiting.ms()];
  const tick = (): void => {
    const [nowAt, nowWaited] = [performance.now(), waiting.ms()];
    const took = nowAt - at;
    wallMs = Math.max(wallMs, took);
    ownMs = Math.max(ownMs, took - (nowWaited - waited));
    [at, waited] = [nowAt, nowWaited];
    if (working) setImmediate(tick);
  };
  setImmediate(tick);
  await work();
  working = false;
  await new Promise((resolve) => setImmediate(resolve));
  return { wallMs, ownMs };
}
