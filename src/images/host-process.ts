/**
 * A program of the host that makes part of an image. It runs in a process group of its own, ends within its deadline,
 * and takes its group with it when it is aborted. No shell is involved.
 */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { addAbortListener, once } from 'node:events';
import type { Readable } from 'node:stream';
import { type Clock, systemClock, type Timer } from '../lib/clock.ts';
import { Deadline } from '../lib/deadline.ts';
import { KerneletError } from '../lib/errors.ts';
import { signalGroup } from '../lib/run-program.ts';

/** A program of the host, and how far it is bounded. */
export interface HostCommand {
  readonly argv: readonly [program: string, ...args: readonly string[]];
  /** Added to this process's environment. */
  readonly environ?: Readonly<Record<string, string>>;
  /** For errors: "making the base image". */
  readonly what: string;
  readonly timeoutMs: number;
  /** Called for every line on standard error, and on standard output unless that is read. */
  readonly onLine?: (line: string) => void;
}

/** Time between SIGTERM and SIGKILL to a group that must end, in milliseconds. */
const graceMs = 5_000;
const keptLines = 15;
const maxLine = 500;

/** A running program. Disposing it ends its group and waits for that. */
export class HostProcess implements AsyncDisposable {
  /** Settles when the program has ended: rejects with IMAGE_BUILD_FAILED or the abort's reason unless status is 0. */
  readonly ended: Promise<void>;
  readonly #child: ChildProcessByStdio<null, Readable, Readable>;
  readonly #command: HostCommand;
  readonly #clock: Clock;
  readonly #deadline: Deadline;
  readonly #listener: Disposable;
  readonly #lastLines: string[] = [];
  #kill: Timer | undefined;

  constructor(command: HostCommand, signal: AbortSignal, options: { readOutput?: boolean; clock?: Clock } = {}) {
    signal.throwIfAborted();
    this.#command = command;
    this.#clock = options.clock ?? systemClock;
    this.#deadline = new Deadline({ what: command.what, timeoutMs: command.timeoutMs, signal, clock: this.#clock });
    const [program, ...args] = command.argv;
    this.#child = spawn(program, args, {
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, LC_ALL: 'C', ...command.environ },
    });
    this.#listener = addAbortListener(this.#deadline.signal, () => this.#terminate());
    this.ended = this.#wait();
    this.ended.catch(() => {});
    // Without descriptors there are no streams, whatever the types say, and an error follows.
    const [output, errors]: readonly (Readable | undefined)[] = [this.#child.stdout, this.#child.stderr];
    if (errors) this.#readLines(errors);
    if (output && !options.readOutput) this.#readLines(output);
  }

  /** Standard output, when asked for: ends with an error when the program fails, so that a cut is never the end. */
  async *output(): AsyncGenerator<Uint8Array> {
    const output: Readable | undefined = this.#child.stdout;
    if (output) yield* output;
    await this.ended;
  }

  async #wait(): Promise<void> {
    try {
      const [status, killedBy] = await once(this.#child, 'close');
      this.#deadline.check();
      if (status === 0) return;
      const how = typeof killedBy === 'string' ? `ended by ${killedBy}` : `failed with status ${status}`;
      throw this.#failure(`${this.#command.argv[0]} ${how}`);
    } catch (thrown) {
      if (thrown instanceof KerneletError || this.#deadline.signal.aborted) throw thrown;
      throw this.#failure(thrown instanceof Error ? thrown.message : String(thrown), thrown);
    } finally {
      this.#kill?.[Symbol.dispose]();
      this.#listener[Symbol.dispose]();
      this.#deadline[Symbol.dispose]();
    }
  }

  #failure(why: string, cause?: unknown): KerneletError {
    const text = [`${this.#command.what}: ${why}`, ...this.#lastLines].join('\n');
    return new KerneletError('IMAGE_BUILD_FAILED', text, cause === undefined ? {} : { cause });
  }

  #terminate(): void {
    signalGroup(this.#child, 'SIGTERM');
    this.#kill ??= this.#clock.after(graceMs, () => signalGroup(this.#child, 'SIGKILL'));
    // What still holds the pipes must not keep this process waiting.
    this.#child.stdout?.destroy();
  }

  #readLines(stream: Readable): void {
    let rest = '';
    const take = (line: string): void => {
      const text = line.trimEnd().slice(0, maxLine);
      if (text === '') return;
      this.#lastLines.push(text);
      if (this.#lastLines.length > keptLines) this.#lastLines.shift();
      this.#command.onLine?.(text);
    };
    stream.setEncoding('utf8');
    stream.on('error', () => {});
    stream.on('data', (chunk: string) => {
      const lines = (rest + chunk).split(/[\r\n]+/);
      rest = (lines.pop() ?? '').slice(0, maxLine);
      lines.forEach(take);
    });
    stream.on('end', () => take(rest));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) this.#terminate();
    await this.ended.catch(() => {});
  }
}

/** Runs a program to its end. Throws IMAGE_BUILD_FAILED with its last lines, or the signal's reason. */
export async function runOnHost(command: HostCommand, signal: AbortSignal): Promise<void> {
  await using running = new HostProcess(command, signal);
  await running.ended;
}
