/**
 * A module in a process of its own, with a deadline for every call of its functions: one that throws, hangs, crashes or
 * fills the memory costs its own answer. A process that hangs is ended; what waits behind the call goes to another one.
 * Calls and answers are a line of JSON each.
 */
import type { ChildProcess } from 'node:child_process';
import { Readable } from 'node:stream';
import { type Clock, systemClock } from '../clock.ts';
import { withDeadline } from '../deadline.ts';
import { hasCode, KerneletError } from '../errors.ts';
import { programFile } from '../installation.ts';
import { newer, nullable, object, text, whole } from '../json-reader.ts';
import type { Logger } from '../log.ts';
import { startNode } from '../node-process.ts';
import { redactText } from '../redaction.ts';

/** The module, and how far it is trusted with time. */
export interface ModuleHostOptions {
  /** A package, or an absolute path. */
  readonly specifier: string;
  /** A file or folder from which packages are looked for. */
  readonly from: string;
  /** What it is, for errors: `the device plugin NAME`. */
  readonly title: string;
  readonly log: Logger;
  /** For each call; 5 s when absent. */
  readonly timeoutMs?: number;
  /** Whether all that wait are given up with a call that hangs, since it is not the call's own fault; else they go on. */
  readonly hangsAsOne?: boolean;
  /** By which calls are bounded; the system's when absent. */
  readonly clock?: Clock | undefined;
}

interface Waiting {
  readonly call: ModuleCall;
  readonly reply: PromiseWithResolvers<string>;
}

const defaultTimeoutMs = 5_000;
const memoryOption = '--max-old-space-size=128';
const maxReply = 4 * 2 ** 20;
const maxWaiting = 64;
/** It may name what the module made up, at any length. */
const maxProblem = 500;
/** A process that is killed and does not end hangs in the kernel: it is left to it. */
const endMs = 2_000;

/** The host of one module: its process is started by the first call, and again after it has ended. */
export class ModuleHost implements AsyncDisposable {
  readonly #options: ModuleHostOptions;
  /** In the order in which the module gets them: it works on the first. */
  readonly #waiting = new Map<number, Waiting>();
  #running: ChildProcess | null = null;
  /** The one that runs, and those that were ended and hang in the kernel. */
  readonly #processes = new Set<ChildProcess>();
  #next = 1;
  #greeting: Omit<ModuleCall, 'id'> | null = null;

  constructor(options: ModuleHostOptions) {
    this.#options = options;
  }

  /** How many processes there are: one that was ended counts for as long as it hangs in the kernel. */
  get processes(): number {
    return this.#processes.size;
  }

  /** Sent first to every process that is started from now on; its answer doesn't matter. */
  greetWith(method: string, argument: unknown): void {
    this.#greeting = { method, argument };
  }

  /**
   * Calls a function of the module; answers JSON. Throws NOT_SUPPORTED with its words, or when it was busy with another
   * call all the time, and DEADLINE_EXCEEDED when it hangs in this one.
   */
  async call(
    method: string,
    argument: unknown,
    options: { readonly signal?: AbortSignal | undefined; readonly timeoutMs?: number | undefined } = {},
  ): Promise<string> {
    const { title, timeoutMs = defaultTimeoutMs, clock = systemClock } = this.#options;
    if (this.#waiting.size >= maxWaiting) throw this.#failure('has too many calls under way');
    const waiting = { call: { id: this.#next++, method, argument }, reply: Promise.withResolvers<string>() };
    const { id } = waiting.call;
    this.#waiting.set(id, waiting);
    try {
      const what = `${method}() of ${title}`;
      const bound = { what, timeoutMs: options.timeoutMs ?? timeoutMs, signal: options.signal, clock };
      return await withDeadline(bound, async () => {
        this.#send(waiting.call);
        return await waiting.reply.promise;
      });
    } catch (error) {
      const isFirst = this.#waiting.keys().next().value === id;
      this.#waiting.delete(id);
      if (!hasCode(error, 'DEADLINE_EXCEEDED')) throw error;
      // Whoever lets alone what hangs must not do so for another call's sake.
      if (!isFirst) throw this.#failure(`did not come to ${method}() in time: it was busy`);
      // What it is busy with would keep every later call waiting.
      if (this.#options.hangsAsOne) this.#giveUpAll(error);
      else this.#startAnew();
      throw error;
    } finally {
      this.#waiting.delete(id);
    }
  }

  /** What an answer says, by a reader that throws for what it should not. Throws NOT_SUPPORTED with the reader's words. */
  read<T>(json: string, reader: (json: string) => T): T {
    try {
      return reader(json);
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      throw this.#failure(`answers what is invalid: ${shortened(text)}`, error);
    }
  }

  /** Ends the process; the next call starts another. */
  end(why: string): void {
    const running = this.#running;
    if (!running) return;
    this.#forget(running, why);
    running.kill('SIGKILL');
    // One that hangs in the kernel keeps neither this process nor descriptors of it.
    for (const stream of running.stdio ?? []) stream?.destroy();
    running.unref();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const running = this.#running;
    this.end('was ended');
    if (!running || running.exitCode !== null || running.signalCode !== null) return;
    await new Promise<void>((resolve) => {
      const timer = systemClock.after(endMs, resolve);
      running.once('exit', () => {
        timer[Symbol.dispose]();
        resolve();
      });
    });
  }

  /** Calls that it has not come to are none of the reason for which it is ended. */
  #startAnew(): void {
    const others = [...this.#waiting];
    this.#waiting.clear();
    this.end('was ended: it hung');
    for (const [id, waiting] of others) {
      this.#waiting.set(id, waiting);
      this.#send(waiting.call);
    }
  }

  #giveUpAll(error: unknown): void {
    for (const { reply } of this.#waiting.values()) reply.reject(error);
    this.end('was ended: it hung');
  }

  #send(call: ModuleCall): void {
    if (!this.#running) {
      this.#running = this.#start();
      if (this.#greeting) this.#write({ id: 0, ...this.#greeting });
    }
    this.#write(call);
  }

  #start(): ChildProcess {
    const { specifier, from, title, log } = this.#options;
    const args = [specifier, from, String(process.pid)];
    const program = startNode(
      { file: programFile('lib/module-host/module-program'), flags: [memoryOption], args },
      // What it prints is no answer, and must not mix with the daemon's own output.
      ['pipe', 'ignore', 'ignore', 'pipe'],
    );
    // A broken pipe is the end of the program, which is reported below.
    program.stdin?.on('error', () => {});
    // Without descriptors there are no streams, whatever the types say, and an error follows.
    const output = program.stdio?.[3];
    if (output instanceof Readable) this.#readReplies(program, output);
    this.#processes.add(program);
    program.on('error', (error) => {
      if (program.pid === undefined) this.#processes.delete(program);
      this.#forget(program, `cannot be started: ${error.message}`);
    });
    program.on('exit', (status, signal) => {
      this.#processes.delete(program);
      if (this.#running === program) log.error(`${title} ended`, { status, signal });
      this.#forget(program, `ended by ${signal ?? `status ${status}`}`);
    });
    return program;
  }

  #write(call: ModuleCall): void {
    this.#running?.stdin?.write(`${JSON.stringify(call)}\n`);
  }

  #readReplies(program: ChildProcess, output: Readable): void {
    let text = '';
    output.setEncoding('utf8');
    output.on('data', (piece: string) => {
      if (this.#running !== program) return;
      const lines = (text + piece).split('\n');
      text = lines.pop() ?? '';
      if (text.length > maxReply) return this.end('was ended: its answer has no end');
      for (const line of lines) this.#settle(line);
    });
  }

  #settle(line: string): void {
    try {
      const reply = readReply(line);
      // Of the greeting, or of nothing that it was asked.
      if (reply.id === 0 && 'error' in reply) this.end(`broke down: ${reply.error}`);
      const reply0 = this.#waiting.get(reply.id)?.reply;
      if ('value' in reply) reply0?.resolve(reply.value);
      else reply0?.reject(this.#failure(`says: ${reply.error}`));
    } catch {
      this.end('was ended: it answers what cannot be read');
    }
  }

  #forget(program: ChildProcess, why: string): void {
    if (this.#running !== program) return;
    this.#running = null;
    for (const { reply } of this.#waiting.values()) reply.reject(this.#failure(why));
  }

  #failure(problem: string, cause?: unknown): KerneletError {
    const { title, specifier } = this.#options;
    return new KerneletError('NOT_SUPPORTED', `${title} ${problem}`, { cause, context: { plugin: specifier } });
  }
}

/** A call of a function of the module. */
export interface ModuleCall {
  /** 0 for one whose answer doesn't matter. */
  readonly id: number;
  readonly method: string;
  readonly argument: unknown;
}

/** What came of it: a value as JSON, or an error's text. */
export type ModuleReply =
  | { readonly id: number; readonly value: string }
  | { readonly id: number; readonly error: string };

/** Without secrets before it is cut: a part of one would not be known. */
const shortened = (problem: string): string => redactText(problem).slice(0, maxProblem);

/** Reads a line of answers. Throws JsonFormError, SyntaxError. */
const readReply = (line: string): ModuleReply =>
  object<ModuleReply>((of) => {
    const [id, error] = [of('id', whole), of('error', newer(nullable(text), null))];
    return error === null ? { id, value: of('value', text) } : { id, error: shortened(error) };
  })(JSON.parse(line), 'an answer');
