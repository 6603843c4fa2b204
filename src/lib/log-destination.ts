/**
 * Where the lines of the log go. A pipe or a socket that nobody reads must not stop the program, as a blocking write to it
 * would: what does not fit waits within a bound, and what is beyond that is dropped, counted and told.
 */
import { constants, fstatSync, openSync, writeSync } from 'node:fs';
import { Socket } from 'node:net';
import { isSystemError } from './system-error.ts';

/** Takes lines, each with its line break. Never throws. */
export interface LogDestination {
  write(line: string): void;
}

/** What a reader that does not read may make this process hold. */
export const maxWaitingBytes = 1024 * 1024;
/** Pause before a full pipe is tried again. */
const againMs = 100;

interface NonBlocking {
  readonly fileDescriptor: number;
  readonly holder: Socket | null;
}

/** Writes what there is room for, never waits, and keeps the rest. */
class NonBlockingDestination implements LogDestination {
  readonly #fileDescriptor: number;
  /** Closes the descriptor when it is collected. */
  readonly #holder: Socket | null;
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  #dropped = 0;
  #timer: NodeJS.Timeout | null = null;

  constructor({ fileDescriptor, holder }: NonBlocking) {
    this.#fileDescriptor = fileDescriptor;
    this.#holder = holder;
  }

  write(line: string): void {
    const bytes = Buffer.from(line);
    if (this.#holder?.destroyed) return;
    if (this.#waitingBytes + bytes.length > maxWaitingBytes) {
      this.#dropped += 1;
      return;
    }
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.length;
    if (this.#timer === null) this.#flush();
  }

  #flush(): void {
    this.#timer = null;
    try {
      for (let [next] = this.#waiting; next; [next] = this.#waiting) {
        const written = writeSync(this.#fileDescriptor, next);
        this.#waitingBytes -= written;
        if (written === next.length) this.#waiting.shift();
        else this.#waiting[0] = next.subarray(written);
      }
    } catch (error) {
      if (isSystemError(error, 'EAGAIN')) {
        // Nobody waits for a reader, at the end neither.
        this.#timer = setTimeout(() => this.#flush(), againMs).unref();
        return;
      }
      // A reader that is gone costs lines and nothing else.
      this.#waiting = [];
      this.#waitingBytes = 0;
    }
    this.#tell();
  }

  #tell(): void {
    if (this.#dropped === 0) return;
    const msg = `${this.#dropped} lines of the log were dropped: its reader did not read`;
    const event = { level: 40, time: new Date().toISOString(), dropped: this.#dropped, msg };
    this.#dropped = 0;
    this.write(`${JSON.stringify(event)}\n`);
  }
}

/** A descriptor for the same that does not block; null for a file or a terminal. Throws the system's error. */
function nonBlocking(fileDescriptor: number): NonBlocking | null {
  const facts = fstatSync(fileDescriptor);
  // Opened anew: other programs that hold the same pipe go on with blocking writes.
  if (facts.isFIFO()) {
    const flags = constants.O_WRONLY | constants.O_NONBLOCK;
    return { fileDescriptor: openSync(`/proc/self/fd/${fileDescriptor}`, flags), holder: null };
  }
  if (!facts.isSocket()) return null;
  // It cannot be opened anew. Taking it as a stream is what makes it non-blocking; the stream is not used.
  const holder = new Socket({ fd: fileDescriptor, readable: false, writable: true }).unref();
  return { fileDescriptor, holder: holder.on('error', () => {}) };
}

/** The destination behind a descriptor; null for a file or a terminal, and where nobody can read any more. */
export function logDestination(fileDescriptor: number): LogDestination | null {
  try {
    const own = nonBlocking(fileDescriptor);
    return own === null ? null : new NonBlockingDestination(own);
  } catch {
    // A pipe without a reader cannot be opened.
    return null;
  }
}
