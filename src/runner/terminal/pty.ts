/** A pseudoterminal, as whoever shows and types sees it. Programs open it by its path, /dev/pts/N. */
import { closeSync, constants, fstatSync, openSync, writeSync } from 'node:fs';
import { ReadStream } from 'node:tty';
import { KerneletError } from '../../lib/errors.ts';
import { isSystemError } from '../../lib/system-error.ts';
import type { TerminalSize } from '../../protocol/terminal-size.ts';
import { hideFromChildren } from '../inherited-descriptors.ts';
import { type OutputConsumer, OutputReader } from '../tenant-streams.ts';
import { ptyAddOn } from './add-on.ts';
import { PtyInput } from './pty-input.ts';

/** Of character devices (the kernel's list of devices): /dev/ptmx is 5:2, what is opened by it 136 to 143. */
const multiplexer = { major: 5, minor: 2 };
const [firstTerminalMajor, lastTerminalMajor] = [136, 143];

/**
 * A session leader that opens a terminal gets it as its own, from which its keys and its hang-up come. Words are of UTF-8, so that
 * erasing one takes it whole; `stty` is one of the shell's or found on the program's PATH, and goes without saying.
 */
const becomeProgram = 'exec 0<>"$1" 1>&0 2>&0; stty iutf8 2>/dev/null; shift; exec "$@"';

/**
 * Both ends: the other one is held too, so that the terminal lives before its program has opened it, and as long as something
 * that it printed is to be read.
 */
export class Pty implements Disposable {
  readonly #path: string;
  readonly #master: number;
  readonly #output: OutputReader;
  readonly #input: PtyInput;
  readonly #release = new DisposableStack();

  /** It belongs to whose ids the process has at this moment. Throws INTERNAL when there is none to have. */
  constructor({ columns, rows }: TerminalSize, onOutput: OutputConsumer) {
    const { master, slave, path } = openPair(columns, rows);
    this.#path = path;
    this.#master = master;
    this.#release.defer(() => closeSync(slave));
    this.#release.use(hideFromChildren(master));
    this.#output = this.#release.use(
      new OutputReader(master, onOutput, ({ fd, onread }) => new ReadStream(fd, { onread })),
    );
    this.#input = this.#release.use(new PtyInput({ offer: (bytes) => this.#offer(bytes) }));
  }

  /** The command line by which this shell, as the leader of a session of its own, becomes a program on it. */
  commandLine(shell: string, argv: readonly string[]): readonly string[] {
    return [shell, '-c', becomeProgram, 'kernelet', this.#path, ...argv];
  }

  /** Types. Resolves when the terminal has taken the bytes, or with false when it has ended. */
  write(bytes: Uint8Array): Promise<boolean> {
    return this.#input.write(bytes);
  }

  /** Tells its program that it has another size. */
  resize({ columns, rows }: TerminalSize): void {
    if (!this.#release.disposed) ptyAddOn().resize(this.#master, columns, rows);
  }

  /** Reads on after its consumer was full. */
  resume(): void {
    this.#output.resume();
  }

  /** Delivers what has been printed up to this instant. */
  drain(): void {
    this.#output.drain();
  }

  /** It is gone, for programs that have it open still too: they are hung up. */
  [Symbol.dispose](): void {
    this.#release.dispose();
  }

  /**
   * Not by the stream that reads: libuv takes the terminal for one whose writes block, and when it is full tries again without
   * end, so that nobody else is served.
   */
  #offer(bytes: Uint8Array): number {
    try {
      return writeSync(this.#master, bytes);
    } catch (error) {
      // What a program that has ended was to read is lost.
      return isSystemError(error, 'EAGAIN') ? 0 : bytes.length;
    }
  }
}

/** The image may have put something else in the place of the devices. */
function openPair(columns: number, rows: number) {
  let pair: ReturnType<ReturnType<typeof ptyAddOn>['open']>;
  try {
    pair = ptyAddOn().open(columns, rows);
  } catch (cause) {
    throw new KerneletError('INTERNAL', `no terminal can be opened: ${(cause as Error).message}`, { cause });
  }
  const { master, slave: inherited, pty: path } = pair;
  try {
    const [ours, theirs] = [deviceOf(master), deviceOf(inherited)];
    const isTerminal = theirs.major >= firstTerminalMajor && theirs.major <= lastTerminalMajor;
    if (ours.major !== multiplexer.major || ours.minor !== multiplexer.minor || !isTerminal) {
      throw new Error('/dev/ptmx of the image is something else');
    }
    // Opened again, since children would inherit the first one.
    const { O_RDWR, O_NOCTTY, O_NONBLOCK } = constants;
    return { master, slave: openSync(path, O_RDWR | O_NOCTTY | O_NONBLOCK), path };
  } catch (cause) {
    closeSync(master);
    throw new KerneletError('INTERNAL', `no terminal can be opened: ${(cause as Error).message}`, { cause });
  } finally {
    closeSync(inherited);
  }
}

/** 0:0 for what is no device; glibc packs both numbers so. */
function deviceOf(descriptor: number): { readonly major: number; readonly minor: number } {
  const { rdev } = fstatSync(descriptor);
  return { major: (rdev >>> 8) & 0xfff, minor: (rdev & 0xff) | ((rdev >>> 12) & 0xfff00) };
}
