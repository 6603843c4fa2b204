/**
 * Reads one output stream of a tenant's process. Reading stops while its consumer is full, which blocks the program;
 * `drain` takes what is in the pipe at this instant, so that nothing of what a program wrote before it ended, or
 * before its driver said something, is missing.
 */
import { readSync } from 'node:fs';
import { Socket } from 'node:net';
import { isSystemError } from '../lib/system-error.ts';
import { outputPassed } from './collect-garbage.ts';

/** One buffer for all readers: it is read and copied in one go. */
const scratch = Buffer.allocUnsafeSlow(64 * 1024);
/** An unprivileged process cannot make a pipe larger (fs.pipe-max-size), so no drain has to take more. */
const largestPipeBytes = 1024 * 1024;

/** Takes bytes that it may keep; returns whether more may come now. */
export type OutputConsumer = (bytes: Uint8Array) => boolean;

/** The reader. It owns the descriptor. */
export class OutputReader implements Disposable {
  readonly #descriptor: number;
  readonly #socket: Socket;
  #consumer: OutputConsumer;
  #open = true;
  #paused = false;

  constructor(descriptor: number, consumer: OutputConsumer) {
    this.#descriptor = descriptor;
    this.#consumer = consumer;
    this.#socket = new Socket({
      fd: descriptor,
      readable: true,
      writable: false,
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

  /** Whether more may come. */
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
      if (isSystemError(error, 'EAGAIN', 'EINTR')) return 0;
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
