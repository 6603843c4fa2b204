/** A program on a terminal of its own; the only module that imports `@lydell/node-pty`. */
import { writeSync } from 'node:fs';
import { type IPty, spawn } from '@lydell/node-pty';
import { type Clock, systemClock } from '../../lib/clock.ts';
import { isSystemError } from '../../lib/system-error.ts';

/** The program, and the size of its terminal in characters. */
export interface PtyCommand {
  readonly argv: readonly string[];
  readonly environ: Readonly<Record<string, string>>;
  readonly folder: string;
  readonly columns: number;
  readonly rows: number;
}

/** A program that runs on its terminal. */
export interface Pty {
  /** Types; false when the terminal is full. Then whoever types has to stop until `onDrain`. */
  write(bytes: Uint8Array): boolean;
  resize(columns: number, rows: number): void;
  pause(): void;
  resume(): void;
  /** Tells the program that its terminal is gone. */
  hangUp(): void;
}

/** What a terminal tells whoever has opened it. */
export interface PtyEvents {
  onOutput(bytes: Uint8Array): void;
  /** The terminal has taken what was typed, after it had been full. */
  onDrain(): void;
  /** Once, after the last output. */
  onEnd(): void;
}

/** Starts a program. Throws the system's error. */
export function openPty(command: PtyCommand, events: PtyEvents): Pty {
  const [program = '', ...args] = command.argv;
  const pty = spawn(program, args, {
    name: 'xterm-256color',
    cols: command.columns,
    rows: command.rows,
    cwd: command.folder,
    env: { ...command.environ },
    encoding: null,
  });
  let ended = false;
  // Without an encoding the pieces are bytes, whatever the types say.
  pty.onData((piece: string | Uint8Array) => events.onOutput(typeof piece === 'string' ? Buffer.from(piece) : piece));
  const input = new PtyInput({ offer: (bytes) => offer(pty, bytes), onDrain: events.onDrain });
  pty.onExit(() => {
    ended = true;
    input.close();
    events.onEnd();
  });
  const unlessEnded = (action: () => void): void => {
    if (!ended) action();
  };
  return {
    write: (bytes) => ended || input.write(bytes),
    resize: (columns, rows) => unlessEnded(() => pty.resize(columns, rows)),
    pause: () => unlessEnded(() => pty.pause()),
    resume: () => unlessEnded(() => pty.resume()),
    hangUp: () => unlessEnded(() => pty.kill('SIGHUP')),
  };
}

/** The stream that reads the terminal, which the types do not show; without a handle it is closed. */
type WithStream = { readonly _socket?: { readonly _handle?: { readonly fd?: number } | null } };

/**
 * Not by that stream: libuv takes the terminal for one whose writes block, and when it is full tries again without end,
 * so that nobody else is served.
 */
function offer(pty: IPty, bytes: Uint8Array): number {
  const descriptor = (pty as unknown as WithStream)._socket?._handle?.fd ?? -1;
  if (descriptor < 0) return bytes.length;
  try {
    return writeSync(descriptor, bytes);
  } catch (error) {
    // What a program that has ended was to read is lost.
    return isSystemError(error, 'EAGAIN') ? 0 : bytes.length;
  }
}

const offerEveryMs = 20;

/** How a terminal takes what is typed. */
export interface PtyInputParts {
  /** Hands over what the terminal takes now and says how many bytes that were. */
  offer(bytes: Uint8Array): number;
  /** Everything that waited has been taken. */
  onDrain(): void;
  readonly clock?: Clock;
}

/** The bytes that wait for one terminal: as many as its user sends, who is to stop when something waits. */
export class PtyInput {
  readonly #parts: PtyInputParts;
  readonly #clock: Clock;
  #waiting: Uint8Array[] = [];

  constructor(parts: PtyInputParts) {
    this.#parts = parts;
    this.#clock = parts.clock ?? systemClock;
  }

  /** Takes bytes; false when some of them wait. */
  write(bytes: Uint8Array): boolean {
    const waited = this.#waiting.length > 0;
    this.#waiting.push(bytes);
    if (waited) return false;
    if (this.#offerAll()) return true;
    this.#offerLater();
    return false;
  }

  /** Forgets what waits: nobody reads it any more. */
  close(): void {
    this.#waiting = [];
  }

  #offerLater(): void {
    this.#clock.after(offerEveryMs, () => {
      if (this.#offerAll()) this.#parts.onDrain();
      else this.#offerLater();
    });
  }

  #offerAll(): boolean {
    for (let [first] = this.#waiting; first; [first] = this.#waiting) {
      const taken = this.#parts.offer(first);
      if (taken < first.length) {
        this.#waiting[0] = first.subarray(taken);
        return false;
      }
      this.#waiting.shift();
    }
    return true;
  }
}
