/**
 * The container's log: what tenants print and what the runner says of itself, on descriptor 1. A log that nobody reads
 * must not hold the runner or a program up, and a flood must not keep the engine's log driver busy: what does not fit
 * is left out and counted.
 */
import { fstatSync, writeSync } from 'node:fs';
import { Socket } from 'node:net';
import { type Clock, systemClock } from '../lib/clock.ts';

/** Bytes that may wait for the engine. */
const queueBytes = 512 * 1024;
/** A burst of this many bytes passes at once, then this many a second. */
const burstBytes = 4 * 1024 * 1024;
const bytesPerSecond = 1024 * 1024;
const maxLine = 8192;

/** How a log takes bytes: returns whether it took all of them. */
export type LogSink = (bytes: Uint8Array) => boolean;

/** Writes to the container's log, within a rate. */
export class ContainerLog {
  readonly #sink: LogSink;
  readonly #clock: Clock;
  readonly #debug: boolean;
  #allowance = burstBytes;
  #countedAt: number;
  #dropped = 0;
  #droppedInARow = 0;

  constructor(sink: LogSink, options: { readonly debug: boolean; readonly clock?: Clock }) {
    this.#sink = sink;
    this.#clock = options.clock ?? systemClock;
    this.#debug = options.debug;
    this.#countedAt = this.#clock.monotonic();
  }

  /** Bytes that were left out so far. */
  get droppedBytes(): number {
    return this.#dropped;
  }

  /** Copies a tenant's output as far as the rate allows. */
  copy(bytes: Uint8Array): void {
    if (!this.#allows(bytes.length)) {
      this.#drop(bytes.length);
      return;
    }
    if (this.#droppedInARow > 0) {
      const note = `\nkernelet-runner: [WARN] ${this.#droppedInARow} bytes of output are missing here\n`;
      if (this.#sink(Buffer.from(note))) this.#droppedInARow = 0;
    }
    if (!this.#sink(bytes)) this.#drop(bytes.length);
  }

  /** Says something of the runner's own. */
  line(level: 'DEBUG' | 'INFO' | 'WARN' | 'ERROR', text: string): void {
    if (level === 'DEBUG' && !this.#debug) return;
    const bytes = Buffer.from(`kernelet-runner: [${level}] ${text.slice(0, maxLine)}\n`);
    if (!this.#sink(bytes)) this.#drop(bytes.length);
  }

  #allows(size: number): boolean {
    const now = this.#clock.monotonic();
    this.#allowance = Math.min(burstBytes, this.#allowance + ((now - this.#countedAt) * bytesPerSecond) / 1000);
    this.#countedAt = now;
    if (this.#allowance < size) return false;
    this.#allowance -= size;
    return true;
  }

  #drop(size: number): void {
    this.#dropped += size;
    this.#droppedInARow += size;
  }
}

/** A sink for a descriptor: never waits on pipes and sockets; files and terminals are written as they are. */
export function descriptorSink(descriptor: number): LogSink {
  const facts = fstatSync(descriptor);
  if (facts.isFIFO() || facts.isSocket()) {
    const socket = new Socket({ fd: descriptor, readable: false, writable: true });
    let broken = false;
    socket.on('error', () => {
      broken = true;
    });
    return (bytes) => {
      if (broken || socket.writableLength + bytes.length > queueBytes) return false;
      socket.write(bytes);
      return true;
    };
  }
  return (bytes) => {
    try {
      return writeSync(descriptor, bytes) === bytes.length;
    } catch {
      return false;
    }
  };
}
