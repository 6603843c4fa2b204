/**
 * Files of `/proc` and of cgroups that are read again and again: opened once, then read from their beginning with one
 * system call. They are the kernel's own memory, so that a read does not wait for a disk.
 */
import { close, closeSync, open, openSync, readSync } from 'node:fs';
import { promisify } from 'node:util';
import { isSystemError } from '../lib/system-error.ts';

/** The system calls, for tests that break them. */
export interface FileCalls {
  open(path: string): number;
  read(descriptor: number, buffer: Uint8Array, offset: number, position: number): number;
  close(descriptor: number): void;
}

/** The system's own calls; tests hand in some that fail. */
export const systemCalls: FileCalls = {
  open: (path) => openSync(path, 'r'),
  read: (descriptor, buffer, offset, position) =>
    readSync(descriptor, buffer, offset, buffer.length - offset, position),
  close: (descriptor) => closeSync(descriptor),
};

/** For which the process's table has room from the start. */
const firstRoom = 128;
const firstBufferBytes = 64 * 1024;
/** Nothing that is read here is longer; what fills it is an error. */
const lastBufferBytes = 8 * 1024 * 1024;
/**
 * Files of many lines are handed out a page (4 KiB) at a time, in whole lines: a shorter piece is the last one, as no
 * line has a kilobyte.
 */
const surelyWhole = 3 * 1024;

/** A pool of kept files with a bound on open descriptors; files beyond it are opened for each read. */
export class OpenFileCache {
  readonly #calls: FileCalls;
  readonly #maxOpen: number;
  #buffer = Buffer.allocUnsafe(firstBufferBytes);
  #open = 0;
  #room = firstRoom;
  #growing: Promise<void> = Promise.resolve();

  /** `maxOpen`: how many descriptors may stay open. */
  constructor(options: { readonly maxOpen: number; readonly calls?: FileCalls }) {
    this.#calls = options.calls ?? systemCalls;
    this.#maxOpen = options.maxOpen;
  }

  /** How many descriptors are open. */
  get open(): number {
    return this.#open;
  }

  /** Makes room for so many open files in all, without holding anything up; what is there already costs nothing. */
  async makeRoom(descriptors: number): Promise<void> {
    const wanted = Math.min(descriptors, this.#maxOpen);
    if (wanted > this.#room) {
      this.#room = 2 ** Math.ceil(Math.log2(wanted));
      const room = this.#room;
      this.#growing = this.#growing.then(() => growDescriptorTable(room));
    }
    await this.#growing;
  }

  /** A file, opened at its first read. */
  file(path: string): KeptFile {
    return new KeptFile(this, path);
  }

  /** A file that not every host has. */
  optional(path: string): OptionalFile {
    return new OptionalFile(this.file(path));
  }

  /** Opens a file and reads it; gives its descriptor when it may stay open. For `KeptFile`. */
  readFirst(path: string): { readonly text: string; readonly kept: number | null } {
    const descriptor = this.#calls.open(path);
    let kept = false;
    try {
      const text = this.readAgain(path, descriptor);
      kept = this.#open < this.#maxOpen;
      if (kept) this.#open += 1;
      return { text, kept: kept ? descriptor : null };
    } finally {
      if (!kept) this.#calls.close(descriptor);
    }
  }

  /** Reads what is open. For `KeptFile`. */
  readAgain(path: string, descriptor: number): string {
    let size = 0;
    for (;;) {
      const piece = this.#calls.read(descriptor, this.#buffer, size, size);
      size += piece;
      if (piece === 0 || (size === piece && piece < surelyWhole)) return this.#buffer.toString('latin1', 0, size);
      if (size === this.#buffer.length) this.#grow(path);
    }
  }

  /** Closes what stayed open. For `KeptFile`. */
  close(descriptor: number): void {
    this.#calls.close(descriptor);
    this.#open -= 1;
  }

  #grow(path: string): void {
    const { length } = this.#buffer;
    if (length >= lastBufferBytes) throw new Error(`${path} is longer than ${length} bytes`);
    this.#buffer = Buffer.concat([this.#buffer], length * 2);
  }
}

/** A file that is read again and again. Disposing it twice does nothing. Nodes have thousands, so it holds little. */
export class KeptFile implements Disposable {
  readonly #files: OpenFileCache;
  readonly #path: string;
  #kept: number | null = null;

  constructor(files: OpenFileCache, path: string) {
    this.#files = files;
    this.#path = path;
  }

  /** Its text now. Throws the system's error: ENOENT, ENODEV or ESRCH when what it was about is gone. */
  read(): string {
    if (this.#kept !== null) return this.#files.readAgain(this.#path, this.#kept);
    const { text, kept } = this.#files.readFirst(this.#path);
    this.#kept = kept;
    return text;
  }

  [Symbol.dispose](): void {
    if (this.#kept !== null) this.#files.close(this.#kept);
    this.#kept = null;
  }
}

/** A file that not every host has. */
export class OptionalFile implements Disposable {
  readonly #file: KeptFile;
  #state: 'unknown' | 'there' | 'absent' = 'unknown';

  constructor(file: KeptFile) {
    this.#file = file;
  }

  /** Its text now; null when it was absent, or switched off, at its first read. Throws as KeptFile's. */
  read(): string | null {
    if (this.#state === 'absent') return null;
    try {
      const text = this.#file.read();
      this.#state = 'there';
      return text;
    } catch (thrown) {
      if (this.#state === 'there' || !isSystemError(thrown, 'ENOENT', 'EOPNOTSUPP', 'ENOTSUP')) throw thrown;
      this.#state = 'absent';
      this[Symbol.dispose]();
      return null;
    }
  }

  [Symbol.dispose](): void {
    this.#file[Symbol.dispose]();
  }
}

const openFile = promisify(open);
const closeFile = promisify(close);
/** How many files threads of their own open at once. */
const openedAtOnce = 64;

/**
 * The process's table of open files. When a thread opens a file for which the table has no room, the system doubles it,
 * and a process with several threads waits for that: some fifteen milliseconds each time. So it is made to grow from
 * another thread, before it must; it never shrinks again.
 * This grows it until so many more files fit, or as far as the process may.
 */
export async function growDescriptorTable(wanted: number): Promise<void> {
  const held: number[] = [];
  try {
    while (held.length < wanted) {
      const some = Array.from({ length: Math.min(openedAtOnce, wanted - held.length) }, () =>
        openFile('/dev/null', 'r'),
      );
      const outcomes = await Promise.allSettled(some);
      held.push(...outcomes.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : [])));
      // The process may open no more: then neither will whoever the room is for.
      if (outcomes.some(({ status }) => status === 'rejected')) return;
    }
  } finally {
    while (held.length > 0) await Promise.all(held.splice(-openedAtOnce).map((descriptor) => closeFile(descriptor)));
  }
}
