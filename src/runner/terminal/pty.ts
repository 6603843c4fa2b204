/** The door to `@lydell/node-pty`: a program on a terminal of its own. */
import { spawn } from '@lydell/node-pty';

/** What to start. */
export interface PtyCommand {
  readonly argv: readonly string[];
  readonly environ: Readonly<Record<string, string>>;
  readonly folder: string;
  readonly columns: number;
  readonly rows: number;
}

/** A program that runs on its terminal. */
export interface Pty {
  write(bytes: Uint8Array): void;
  resize(columns: number, rows: number): void;
  pause(): void;
  resume(): void;
  /** Tells the program that its terminal is gone. */
  hangUp(): void;
}

/** Starts a program. `onEnd` comes once, after the last output. Throws the system's error. */
export function openPty(command: PtyCommand, events: { onOutput(bytes: Uint8Array): void; onEnd(): void }): Pty {
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
  pty.onExit(() => {
    ended = true;
    events.onEnd();
  });
  const unlessEnded = (action: () => void): void => {
    if (!ended) action();
  };
  return {
    // It hands them to a socket, which takes bytes, whatever the types say.
    write: (bytes) => unlessEnded(() => pty.write(Buffer.from(bytes) as unknown as string)),
    resize: (columns, rows) => unlessEnded(() => pty.resize(columns, rows)),
    pause: () => unlessEnded(() => pty.pause()),
    resume: () => unlessEnded(() => pty.resume()),
    hangUp: () => unlessEnded(() => pty.kill('SIGHUP')),
  };
}
