/** A program on a terminal of its own, with the ids of this process. */
import { spawn } from 'node:child_process';
import { type TerminalSize, usualKind } from '../../protocol/terminal-size.ts';
import { withoutHidden } from '../inherited-descriptors.ts';
import { Pty } from './pty.ts';

/** What runs on it, and how it comes there. */
export interface TerminalProgram {
  readonly argv: readonly string[];
  readonly environ: Readonly<Record<string, string>>;
  readonly folder: string;
  /** The shell that becomes the program: any of POSIX. */
  readonly launcher: string;
}

/** What a terminal tells whoever has opened it. */
export interface TerminalEvents {
  /** Whether more may come now; else it waits for `resume`, and the program with it. */
  onOutput(bytes: Uint8Array): boolean;
  /** Once, after the last output. */
  onEnd(): void;
}

/** A program that runs on its terminal. Disposing hangs it up. */
export interface ProgramTerminal extends Disposable {
  /** Types. Resolves when the terminal has taken the bytes, or with false when it has ended. */
  write(bytes: Uint8Array): Promise<boolean>;
  resize(size: TerminalSize): void;
  resume(): void;
}

/** Starts a program. Throws INTERNAL when there is no terminal to have. */
export function openTerminal(program: TerminalProgram, size: TerminalSize, events: TerminalEvents): ProgramTerminal {
  const { argv, environ, folder, launcher } = program;
  const pty = new Pty(size, (bytes) => events.onOutput(bytes));
  const [command = '', ...args] = pty.commandLine(launcher, argv);
  const child = spawn(command, args, {
    env: { ...environ, TERM: usualKind, PWD: folder },
    cwd: folder,
    stdio: withoutHidden('ignore'),
    detached: true,
  });
  const end = (): void => {
    pty.drain();
    pty[Symbol.dispose]();
    events.onEnd();
  };
  child.once('exit', end);
  child.once('error', () => child.pid === undefined && end());
  return pty;
}
