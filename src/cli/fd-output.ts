/**
 * Output to a file descriptor through the thread pool: a reader that is slow slows the writer down, and signals are
 * still handled meanwhile. (Node's own `process.stdout` blocks the whole process while a pipe is full.)
 */
import { write as writeCallback } from 'node:fs';
import { isatty } from 'node:tty';
import { promisify } from 'node:util';
import { sleep, systemClock } from '../lib/clock.ts';
import { KerneletError } from '../lib/errors.ts';
import { isSystemError, systemErrorCode } from '../lib/system-error.ts';
import type { OutputPort } from './host.ts';

const write = promisify(writeCallback);
/** Pause when the descriptor is non-blocking and full: nothing tells us when it has room. */
const fullPauseMs = 2;

/** A file descriptor as an OutputPort. */
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

  write(data: Uint8Array | string): Promise<void> {
    const bytes = typeof data === 'string' ? Buffer.from(data) : data;
    const done = this.#tail.then(() => this.#writeAll(bytes));
    this.#tail = done.catch(() => {});
    return done;
  }

  #unwritable(error: unknown): KerneletError {
    const place = this.#fd === 2 ? 'standard error' : 'standard output';
    const reason = systemErrorCode(error) ?? String(error);
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
