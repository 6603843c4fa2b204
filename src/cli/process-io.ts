/** The real process as a CliIo: its descriptors, signals and environment. */
import { spawnSync } from 'node:child_process';
import { addAbortListener } from 'node:events';
import { readFileSync, write as writeCallback } from 'node:fs';
import { homedir } from 'node:os';
import type { Readable } from 'node:stream';
import { isatty } from 'node:tty';
import { promisify } from 'node:util';
import { sleep, systemClock } from '../lib/clock.ts';
import { KerneletError } from '../lib/errors.ts';
import { isSystemError, systemErrorText } from '../lib/system-error.ts';
import type { CliIo, InputPort, OutputPort } from './host.ts';
import { RawTerminal } from './raw-terminal.ts';

/** Streams, signals and environment of this process. */
export function createProcessIo(): CliIo {
  const stdin = new StdinInput(() => process.stdin, isatty(0));
  return {
    stdin,
    stdout: new FdOutput(1),
    stderr: new FdOutput(2),
    environ: process.env,
    clock: systemClock,
    workingDirectory: process.cwd(),
    userId: process.getuid?.() ?? 0,
    homeDirectory: homedir(),
    onSignal(signal, listener) {
      process.on(signal, listener);
      return { [Symbol.dispose]: () => void process.off(signal, listener) };
    },
    hideArguments() {
      process.title = 'kernelet';
    },
    dieBySignal(signal) {
      stdin.restore();
      process.removeAllListeners(signal);
      process.kill(process.pid, signal);
      // The signal is delivered to this thread before kill returns; SIGKILL is for a signal that is ignored.
      process.kill(process.pid, 'SIGKILL');
      throw new Error('unreachable');
    },
  };
}

/** Standard input of the process. */
export class StdinInput implements InputPort {
  readonly isTerminal: boolean;
  readonly #source: () => Readable;
  #raw: RawTerminal | null = null;

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
    using _listener = addAbortListener(signal, () => void stream.destroy());
    try {
      for await (const chunk of stream) yield typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      stream.destroy();
    }
  }

  raw(): Disposable {
    this.#raw = new RawTerminal();
    return this.#raw;
  }

  /** Before this process ends without a word. */
  restore(): void {
    this.#raw?.[Symbol.dispose]();
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

const write = promisify(writeCallback);
/** Pause when the descriptor is non-blocking and full: nothing reports when it has room. */
const fullPauseMs = 2;

/**
 * Output to a file descriptor through the thread pool: a reader that is slow slows the writer down, and signals are
 * still handled meanwhile. (Node's own `process.stdout` blocks the whole process while a pipe is full.)
 */
export class FdOutput implements OutputPort {
  readonly isTerminal: boolean;
  readonly #fd: number;
  #tail: Promise<void> = Promise.resolve();

  constructor(fd: number) {
    this.#fd = fd;
    this.isTerminal = isatty(fd);
  }

  get columns(): number {
    const stream = this.#fd === 2 ? process.stderr : process.stdout;
    return this.isTerminal && stream.columns > 0 ? stream.columns : 80;
  }

  get rows(): number {
    const stream = this.#fd === 2 ? process.stderr : process.stdout;
    return this.isTerminal && stream.rows > 0 ? stream.rows : 24;
  }

  write(data: Uint8Array | string): Promise<void> {
    const bytes = typeof data === 'string' ? Buffer.from(data) : data;
    const done = this.#tail.then(() => this.#writeAll(bytes));
    this.#tail = done.catch(() => {});
    return done;
  }

  #unwritable(error: unknown): KerneletError {
    const place = this.#fd === 2 ? 'standard error' : 'standard output';
    const reason = systemErrorText(error);
    return new KerneletError('FILE_ERROR', `cannot write to ${place}: ${reason}`, { cause: error });
  }

  async #writeAll(bytes: Uint8Array): Promise<void> {
    let rest = bytes;
    while (rest.length > 0) {
      try {
        const { bytesWritten } = await write(this.#fd, rest, 0, rest.length);
        rest = rest.subarray(bytesWritten);
      } catch (error) {
        // A socket whose reader left bytes unread says this once, and EPIPE from then on.
        if (isSystemError(error, 'ECONNRESET')) continue;
        if (!isSystemError(error, 'EAGAIN')) throw isSystemError(error, 'EPIPE') ? error : this.#unwritable(error);
        await sleep(systemClock, fullPauseMs);
      }
    }
  }
}
