/**
 * Files of `/proc` and of cgroups that are read again and again: opened once, then read from their beginning with one
 * system call. They are the kernel's own memory, so that a read does not wait for a disk.
 */
import { closeSync, openSync, readSync } from 'node:fs';
import { isSystemError } from '../lib/system-error.ts';

/** The system calls, for tests that break them. */
export interface FileCalls {
  open(path: string): number;
  read(descriptor: number, buffer: Uint8Array, offset: number, position: number): number;
  close(descriptor: number): void;
}

/** The real ones. */
export const systemCalls: FileCalls = {
  open: (path) => openSync(path, 'r'),
  read: (descriptor, buffer, offset, position) =>
    readSync(descriptor, buffer, offset, buffer.length - offset, position),
  close: (descriptor) => closeSync(descriptor),
};

/** A file that is read again and again. Disposing it twice does nothing. */
export interface KeptFile extends Disposable {
  /** Its text now. Throws the system's error: ENOENT, ENODEV or ESRCH when what it told of is gone. */
  read(): string;
}

const firstBufferBytes = 64 * 1024;
/** Nothing that is read here is longer; what fills it is an error. */
const lastBufferBytes = 8 * 1024 * 1024;
/**
 * Files of many lines are handed out a page (4 KiB) at a time, in whole lines: a shorter piece is the last one, as no
 * line has a kilobyte.
 */
const surelyWhole = 3 * 1024;

/** A pool of kept files with a bound on open descriptors; files beyond it are opened for each read. */
export class KeptFiles {
  readonly #calls: FileCalls;
  readonly #mostOpen: number;
  #buffer = Buffer.allocUnsafe(firstBufferBytes);
  #open = 0;

  /** `mostOpen`: how many descriptors may stay open. */
  constructor(options: { readonly mostOpen: number; readonly calls?: FileCalls }) {
    this.#calls = options.calls ?? systemCalls;
    this.#mostOpen = options.mostOpen;
  }

  /** How many descriptors are open. */
  get open(): number {
    return this.#open;
  }

  /** A file, opened at its first read. */
  file(path: string): KeptFile {
    let kept: number | undefined;
    const close = (): void => {
      if (kept === undefined) return;
      this.#calls.close(kept);
      kept = undefined;
      this.#open -= 1;
    };
    return {
      read: () => {
        if (kept !== undefined) return this.#readAll(path, kept);
        const descriptor = this.#calls.open(path);
        if (this.#open < this.#mostOpen) {
          kept = descriptor;
          this.#open += 1;
          return this.#readAll(path, descriptor);
        }
        try {
          return this.#readAll(path, descriptor);
        } finally {
          this.#calls.close(descriptor);
        }
      },
      [Symbol.dispose]: close,
    };
  }

  /** A file that not every host has: null when it is absent, or switched off, at its first read. */
  optional(path: string): { read(): string | null } & Disposable {
    const file = this.file(path);
    let state: 'unknown' | 'there' | 'absent' = 'unknown';
    return {
      read: () => {
        if (state === 'absent') return null;
        try {
          const text = file.read();
          state = 'there';
          return text;
        } catch (thrown) {
          if (state === 'there' || !isSystemError(thrown, 'ENOENT', 'EOPNOTSUPP', 'ENOTSUP')) throw thrown;
          state = 'absent';
          file[Symbol.dispose]();
          return null;
        }
      },
      [Symbol.dispose]: () => file[Symbol.dispose](),
    };
  }

  #readAll(path: string, descriptor: number): string {
    let size = 0;
    for (;;) {
      const piece = this.#calls.read(descriptor, this.#buffer, size, size);
      size += piece;
      if (piece === 0 || (size === piece && piece < surelyWhole)) return this.#buffer.toString('latin1', 0, size);
      if (size === this.#buffer.length) this.#grow(path);
    }
  }

  #grow(path: string): void {
    const { length } = this.#buffer;
    if (length >= lastBufferBytes) throw new Error(`${path} is longer than ${length} bytes`);
    this.#buffer = Buffer.concat([this.#buffer], length * 2);
  }
}
