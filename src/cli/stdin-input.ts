/** Standard input of the process as an InputPort. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import type { Readable } from 'node:stream';
import type { InputPort } from './host.ts';

/** Wraps `process.stdin`. */
export class StdinInput implements InputPort {
  readonly isTerminal: boolean;
  readonly #source: () => Readable;

  /** `process.stdin` is opened by its first use, so it is asked for as late as possible. */
  constructor(source: () => Readable, isTerminal: boolean) {
    this.#source = source;
    this.isTerminal = isTerminal;
  }

  get inForeground(): boolean {
    return !this.isTerminal || ownsTerminal();
  }

  async *chunks(signal: AbortSignal): AsyncGenerator<Uint8Array> {
    if (signal.aborted) return;
    const stream = this.#source();
    // Leaving the loop is not enough: an iterator that waits for a piece cannot be left.
    const onAbort = (): void => void stream.destroy();
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      for await (const chunk of stream) yield typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      signal.removeEventListener('abort', onAbort);
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

/** Whether this process's group is the one that the terminal talks to: others are stopped when they read. */
function ownsTerminal(): boolean {
  try {
    const fields = readFileSync('/proc/self/stat', 'utf8');
    const [, , , group, , , terminalGroup] = fields.slice(fields.lastIndexOf(')') + 1).split(' ');
    return group === terminalGroup;
  } catch {
    return true;
  }
}
