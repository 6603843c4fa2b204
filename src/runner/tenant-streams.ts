/** The runner's ends of the streams of tenants' processes: their output, their input, and lines of JSON. */
import { readSync } from 'node:fs';
import { type OnReadOpts, Socket } from 'node:net';
import { isSystemError } from '../lib/system-error.ts';
import { outputPassed } from './collect-garbage.ts';

/** One buffer for all readers: it is read and copied in one go. */
const scratch = Buffer.allocUnsafeSlow(64 * 1024);
/** An unprivileged process cannot make a pipe larger (fs.pipe-max-size), so no drain has to take more. */
const largestPipeBytes = 1024 * 1024;

/** Takes bytes that it may keep; returns whether more may come now. */
export type OutputConsumer = (bytes: Uint8Array) => boolean;

/** Opens a descriptor to be read, into a buffer of its caller's. */
type OpenStream = (options: { readonly fd: number; readonly onread: OnReadOpts }) => Socket;
const openPipe: OpenStream = (options) => new Socket({ ...options, readable: true, writable: false });

/**
 * Reads one output stream, and owns its descriptor. Reading stops while the consumer is full, which blocks the program;
 * `drain` takes what is in the pipe at this instant, so that nothing of what a program wrote before it ended, or
 * before its driver said something, is missing.
 */
export class OutputReader implements Disposable {
  readonly #descriptor: number;
  readonly #socket: Socket;
  #consumer: OutputConsumer;
  #open = true;
  #paused = false;

  constructor(descriptor: number, consumer: OutputConsumer, open: OpenStream = openPipe) {
    this.#descriptor = descriptor;
    this.#consumer = consumer;
    this.#socket = open({
      fd: descriptor,
      onread: { buffer: scratch, callback: (size) => this.#deliver(size) },
    });
    this.#socket.on('error', () => this[Symbol.dispose]());
    this.#socket.on('close', () => {
      this.#open = false;
    });
    this.#socket.on('end', () => {
      this.#open = false;
    });
    this.#socket.resume();
  }

  /** Whether its end has not been read yet. */
  get open(): boolean {
    return this.#open;
  }

  /** Sends what comes from now on to another consumer. */
  redirect(consumer: OutputConsumer): void {
    this.#consumer = consumer;
    this.resume();
  }

  /** Goes on after the consumer said that it is full. */
  resume(): void {
    if (!this.#open || !this.#paused) return;
    this.#paused = false;
    this.#socket.resume();
  }

  /** Delivers everything that is in the pipe now, even to a full consumer: at most one pipe's capacity. */
  drain(): void {
    for (let taken = 0; this.#open && taken < largestPipeBytes; ) {
      const size = this.#readNow();
      if (size === 0) return;
      taken += size;
      if (!this.#deliver(size)) this.#pause();
    }
  }

  [Symbol.dispose](): void {
    this.#open = false;
    this.#socket.destroy();
  }

  #readNow(): number {
    try {
      return readSync(this.#descriptor, scratch, 0, scratch.length, null);
    } catch (error) {
      if (isSystemError(error, 'EAGAIN', 'EINTR', 'EIO')) return 0;
      throw error;
    }
  }

  #deliver(size: number): boolean {
    outputPassed(size);
    const more = this.#consumer(new Uint8Array(scratch.subarray(0, size)));
    if (!more) this.#paused = true;
    return more;
  }

  #pause(): void {
    this.#paused = true;
    this.#socket.pause();
  }
}

/** Writes to the standard input of a program, and owns its descriptor. */
export class InputWriter implements Disposable {
  readonly #socket: Socket;
  #open = true;

  constructor(descriptor: number) {
    this.#socket = new Socket({ fd: descriptor, readable: false, writable: true });
    const close = (): void => {
      this.#open = false;
    };
    this.#socket.on('error', close);
    this.#socket.on('close', close);
  }

  /** Whether the program can still be given input. */
  get open(): boolean {
    return this.#open;
  }

  /** Resolves when the pipe has taken the bytes, with whether it did: false = the program doesn't read any more. */
  write(bytes: Uint8Array): Promise<boolean> {
    if (!this.#open) return Promise.resolve(false);
    if (bytes.length === 0) return Promise.resolve(true);
    return new Promise((resolve) => this.#socket.write(bytes, (error) => resolve(!error && this.#open)));
  }

  /** Tells the program that there is no more, after what was written. */
  end(): void {
    this.#open = false;
    this.#socket.end();
  }

  [Symbol.dispose](): void {
    this.#open = false;
    this.#socket.destroy();
  }
}

/** A picture comes as one line of JSON, so lines may be long; what is longer than this is no driver's. */
const maxLineBytes = 32 * 1024 * 1024;
/** A peer that sends byte by byte costs the bytes, not an object for each. */
const maxPieces = 1024;
const newline = 0x0a;

/** Cuts a byte stream into lines. */
export class LineReader {
  #pieces: Buffer[] = [];
  #held = 0;

  /** Takes bytes and returns the lines that they complete. Throws RangeError when one is too long. */
  push(chunk: Buffer): string[] {
    const lines: string[] = [];
    let start = 0;
    for (let end = chunk.indexOf(newline); end >= 0; end = chunk.indexOf(newline, start)) {
      this.#pieces.push(chunk.subarray(start, end));
      lines.push(Buffer.concat(this.#pieces).toString('utf8'));
      this.#pieces = [];
      this.#held = 0;
      start = end + 1;
    }
    if (start < chunk.length) {
      this.#pieces.push(chunk.subarray(start));
      this.#held += chunk.length - start;
      if (this.#pieces.length >= maxPieces) this.#pieces = [Buffer.concat(this.#pieces)];
      if (this.#held > maxLineBytes) throw new RangeError(`a line is longer than ${maxLineBytes} bytes`);
    }
    return lines;
  }
}
