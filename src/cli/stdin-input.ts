/** Standard input of the process as an InputPort. */

import { spawnSync } from 'node:child_process';
import type { ReadStream } from 'node:tty';
import type { InputPort } from './host.ts';

/** Wraps `process.stdin`. */
export class StdinInput implements InputPort {
  readonly #source: () => ReadStream;
  readonly isTerminal: boolean;

  /** `process.stdin` is opened by its first use, so it is asked for as late as possible. */
  constructor(source: () => ReadStream, isTerminal: boolean) {
    this.#source = source;
    this.isTerminal = isTerminal;
  }

  async *chunks(): AsyncIterableIterator<Uint8Array> {
    const stream = this.#source();
    try {
      for await (const chunk of stream) yield typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
    } finally {
      stream.destroy();
    }
  }

  silence(): Disposable {
    if (!this.isTerminal) return { [Symbol.dispose]() {} };
    // The terminal keeps its line editing, which raw mode would take away; only the echo goes.
    const stty = (word: string): void => void spawnSync('stty', [word], { stdio: ['inherit', 'ignore', 'ignore'] });
    stty('-echo');
    return { [Symbol.dispose]: () => stty('echo') };
  }
}
