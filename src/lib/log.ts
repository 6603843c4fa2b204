/**
 * The logger that is handed to every part. One structured event per operation, with ids, outcome and duration.
 * Secrets are taken out (`redaction.ts`). A pipe or a socket that nobody reads must not stop the program, as a blocking write
 * to it would: what does not fit waits within a bound, and what is beyond that is dropped, counted and told.
 */

import { constants, fstatSync, openSync, writeSync } from 'node:fs';
import { Socket } from 'node:net';
import { isatty } from 'node:tty';
import { pino } from 'pino';
import { logText } from './log-text.ts';
import { redact, redactText, withoutOutput } from './redaction.ts';
import { isSystemError } from './system-error.ts';
import { takesStyles } from './terminal-text.ts';

/** Fields of a log event. */
export type LogFields = Readonly<Record<string, unknown>>;

/** A log by level, with fields; each part has one that names it. */
export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** A logger whose every event also has these fields. */
  child(fields: LogFields): Logger;
}

/** A logger that can be told to log more or less, and its children with it. */
export interface AdjustableLogger extends Logger {
  setLevel(level: LogLevel): void;
}

/** The levels that can be asked for. */
export const logLevels = ['debug', 'info', 'warn', 'error', 'silent'] as const;
/** A level of the log. */
export type LogLevel = (typeof logLevels)[number];

/** A file or a terminal is written to synchronously; a terminal has lines for people. */
function plainDestination(fileDescriptor: number): LogDestination {
  const destination = pino.destination({ fd: fileDescriptor, sync: true, maxLength: maxWaitingBytes });
  destination.on('error', () => {});
  if (!isatty(fileDescriptor)) return destination;
  const isStyled = takesStyles(process.env);
  return { write: (line: string) => destination.write(logText(line, isStyled)) };
}

/**
 * A logger that writes one JSON document a line to a file descriptor (2 = stderr), and text to a terminal. It never throws: a log that cannot be
 * written, since its terminal or its reader is gone or does not read, costs lines and nothing else.
 */
export function createLogger(level: LogLevel, fileDescriptor = 2): AdjustableLogger {
  const options = { level, base: null, timestamp: pino.stdTimeFunctions.isoTime };
  const sink = pino(options, logDestination(fileDescriptor) ?? plainDestination(fileDescriptor));
  const wrap = (fields: LogFields): Logger => {
    const write = (at: 'debug' | 'info' | 'warn' | 'error') => (message: string, more?: LogFields) => {
      if (sink.isLevelEnabled(at))
        sink[at](redact({ ...fields, ...more }) as object, redactText(withoutOutput(message)));
    };
    return {
      debug: write('debug'),
      info: write('info'),
      warn: write('warn'),
      error: write('error'),
      child: (more) => wrap({ ...fields, ...more }),
    };
  };
  const setLevel = (now: LogLevel): void => {
    sink.level = now;
  };
  return { ...wrap({}), setLevel };
}

/** A logger that drops everything, for tests and one-shot commands. */
export const silentLogger: Logger = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  child: () => silentLogger,
};

/** Takes lines, each with its line break. Never throws. */
interface LogDestination {
  write(line: string): void;
}

/** What a reader that does not read may make this process hold. */
const maxWaitingBytes = 1024 * 1024;
/** Pause before a full pipe is tried again, at first and at most. */
const againMs = { first: 5, longest: 100 };
/** How long a process that ends waits for a reader that is only slow. */
const lastMs = 500;

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
  #pauseMs = againMs.first;

  constructor({ fileDescriptor, holder }: NonBlocking) {
    this.#fileDescriptor = fileDescriptor;
    this.#holder = holder;
    process.once('exit', () => this.#flushAtExit());
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
    // A burst fills the pipe faster than a timer comes, though its reader reads.
    if (this.#timer === null || this.#waitingBytes > maxWaitingBytes / 2) this.#flush();
  }

  #flushAtExit(): void {
    const until = performance.now() + lastMs;
    for (this.#flush(); this.#waiting.length > 0 && performance.now() < until; this.#flush()) {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, againMs.first);
    }
  }

  #flush(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
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
        // Nobody waits for a reader; at the end for a moment alone.
        this.#timer = setTimeout(() => this.#flush(), this.#pauseMs).unref();
        this.#pauseMs = Math.min(this.#pauseMs * 2, againMs.longest);
        return;
      }
      // A reader that is gone costs lines and nothing else.
      this.#waiting = [];
      this.#waitingBytes = 0;
    }
    this.#pauseMs = againMs.first;
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
function logDestination(fileDescriptor: number): LogDestination | null {
  try {
    const own = nonBlocking(fileDescriptor);
    return own === null ? null : new NonBlockingDestination(own);
  } catch {
    // A pipe without a reader cannot be opened.
    return null;
  }
}
