/** For tests: a driver as the runner starts it, over descriptor 3, with what it prints collected query by query. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import type { FromDriver, ToDriver } from '../../src/runner/driver-protocol.ts';

/** What a query came to. */
export interface QueryOutcome {
  readonly stdout: string;
  readonly stderr: string;
  /** The text of its value, when that has no other form; else null. */
  readonly value: string | null;
  readonly error: { readonly name: string; readonly message: string; readonly traceback: string } | null;
  /** Everything else but `done`. */
  readonly events: readonly FromDriver[];
  /** −N when the driver died of signal N, its status when it exited. */
  readonly exitCode: number;
}

/** What a query comes to that says nothing. */
export const quiet: QueryOutcome = { stdout: '', stderr: '', value: null, error: null, events: [], exitCode: 0 };

/** How a query is dealt with while it runs. */
export interface QueryOptions {
  /** Answers each `input` in turn. */
  readonly answers?: readonly string[];
  /** Interrupts once this text has been printed, or at an `input`. */
  readonly interruptAt?: string | 'input';
}

const silenceMs = 25;
/** From the text to the interrupt, as people take it: the program is then in what it does next. */
const settleMs = 50;
const maxMs = 15_000;

/** The driver. Dispose it: its whole process group is killed. */
export class DriverHarness implements Disposable {
  readonly folder = mkdtempSync(join(tmpdir(), 'kernelet-driver-'));
  readonly #child: ChildProcess;
  readonly #channel: Duplex;
  readonly #exited: Promise<number>;
  readonly #listeners = new Set<(event: FromDriver) => void>();
  #stdout: Buffer[] = [];
  #stderr: Buffer[] = [];
  /** What came as text of its messages. */
  #said = '';
  #lastOutputAt = 0;
  /** The id of the latest query. */
  lastId = 0;
  #text = '';
  /** `ready`, or `unable` in its place; null when it ended without either. */
  first: FromDriver | null = null;

  private constructor(argv: readonly string[], environ: Readonly<Record<string, string>>) {
    const [program = '', ...args] = argv;
    const { PATH = '/usr/bin:/bin' } = process.env;
    this.#child = spawn(program, args, {
      cwd: this.folder,
      env: {
        PATH: `/usr/bin:/bin:${PATH}`,
        HOME: this.folder,
        LANG: 'C.UTF-8',
        PYTHONDONTWRITEBYTECODE: '1',
        ...environ,
      },
      stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
      detached: true,
    });
    this.#exited = new Promise((resolve) => {
      this.#child.on('exit', (code, signal) => resolve(code ?? (signal === 'SIGSEGV' ? -11 : -9)));
      this.#child.on('error', () => resolve(127));
    });
    this.#channel = this.#child.stdio[3] as Duplex;
    this.#channel.on('error', () => {});
    this.#channel.on('data', (chunk: Buffer) => this.#received(chunk.toString()));
    this.#child.stdout?.on('data', (chunk: Buffer) => this.#printed('stdout', chunk));
    this.#child.stderr?.on('data', (chunk: Buffer) => this.#printed('stderr', chunk));
  }

  /** The process of the driver; undefined when it could not be started. */
  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** Starts a driver and waits until it is ready, or says why it will never be. */
  static async start(argv: readonly string[], environ: Readonly<Record<string, string>> = {}): Promise<DriverHarness> {
    const harness = new DriverHarness(argv, environ);
    harness.first = await harness.#next(({ ev }) => ev === 'ready' || ev === 'unable');
    return harness;
  }

  /** Ends the driver as the runner does, and answers with its status. */
  async end(): Promise<number> {
    this.#channel.end();
    return await this.#exited;
  }

  send(message: ToDriver): void {
    this.#channel.write(`${JSON.stringify(message)}\n`);
  }

  /** As the runner does it, to the latest query. */
  interrupt(): void {
    const byLine = this.first?.ev === 'ready' && this.first.interruptByLine;
    if (this.#child.pid !== undefined && !byLine) process.kill(-this.#child.pid, 'SIGINT');
    this.send({ op: 'interrupt', id: this.lastId });
  }

  /** Only the exit code, at once: for timing. */
  async status(code: string): Promise<number> {
    const id = ++this.lastId;
    const done = this.#next((event) => event.ev === 'done' && event.id === id);
    this.send({ op: 'execute', id, code });
    const event = await done;
    return event?.ev === 'done' ? event.exitCode : await this.#exited;
  }

  async complete(code: string, cursor = code.length): Promise<readonly string[]> {
    const id = ++this.lastId;
    const done = this.#next((event) => event.ev === 'completion' && event.id === id);
    this.send({ op: 'complete', id, code, cursor });
    const event = await done;
    return event?.ev === 'completion' ? event.matches : [];
  }

  async query(code: string, options: QueryOptions = {}): Promise<QueryOutcome> {
    this.#stdout = [];
    this.#stderr = [];
    this.#said = '';
    const events: FromDriver[] = [];
    let { value, error } = quiet;
    const answers = [...(options.answers ?? [])];
    const watch = (event: FromDriver): void => {
      const text = plainValueOf(event);
      if (text !== null && value === null) value = text;
      else if (event.ev === 'error' && error === null) error = errorOf(event);
      else if (event.ev !== 'done') events.push(event);
      if (event.ev === 'stream') this.#said += event.text;
      if (event.ev !== 'input') return;
      if (options.interruptAt === 'input') this.interrupt();
      else this.send({ op: 'input', text: answers.shift() ?? null });
    };
    this.#listeners.add(watch);
    const finished = this.status(code);
    if (options.interruptAt !== undefined && options.interruptAt !== 'input') {
      await this.#until(() => `${this.#said}${textOf(this.#stdout)}`.includes(options.interruptAt ?? ''));
      await sleepMs(settleMs);
      this.interrupt();
    }
    const exitCode = await finished;
    this.#listeners.delete(watch);
    this.#lastOutputAt = performance.now();
    await this.#until(() => performance.now() - this.#lastOutputAt > silenceMs);
    return { stdout: textOf(this.#stdout), stderr: textOf(this.#stderr), value, error, events, exitCode };
  }

  [Symbol.dispose](): void {
    try {
      if (this.#child.pid !== undefined) process.kill(-this.#child.pid, 'SIGKILL');
    } catch {
      // It has ended.
    }
    rmSync(this.folder, { recursive: true, force: true });
  }

  #printed(stream: 'stdout' | 'stderr', chunk: Buffer): void {
    (stream === 'stdout' ? this.#stdout : this.#stderr).push(chunk);
    this.#lastOutputAt = performance.now();
  }

  #received(text: string): void {
    this.#text += text;
    const lines = this.#text.split('\n');
    this.#text = lines.pop() ?? '';
    for (const line of lines) {
      const event = JSON.parse(line) as FromDriver;
      for (const listener of [...this.#listeners]) listener(event);
    }
  }

  /** The next event that is wanted, or null when the driver has ended without it. */
  async #next(wanted: (event: FromDriver) => boolean): Promise<FromDriver | null> {
    let listener: ((event: FromDriver) => void) | undefined;
    const event = new Promise<FromDriver>((resolve) => {
      listener = (candidate) => {
        if (wanted(candidate)) resolve(candidate);
      };
      this.#listeners.add(listener);
    });
    try {
      return await Promise.race([event, this.#exited.then(() => null)]);
    } finally {
      if (listener) this.#listeners.delete(listener);
    }
  }

  async #until(condition: () => boolean): Promise<void> {
    const endsAt = performance.now() + maxMs;
    while (!condition()) {
      if (performance.now() > endsAt) throw new Error('the driver did not get there in time');
      await sleepMs(2);
    }
  }
}

const errorOf = ({ name, message, traceback }: Extract<FromDriver, { ev: 'error' }>) => ({ name, message, traceback });

/** The text of a query's value that has no other form. */
function plainValueOf(event: FromDriver): string | null {
  if (event.ev !== 'display' || event.role !== 'result') return null;
  const [form, ...others] = event.forms;
  return form?.type === 'text/plain' && 'data' in form && others.length === 0 ? form.data : null;
}

const sleepMs = (ms: number): Promise<void> => new Promise((resolve) => void setTimeout(resolve, ms));
const textOf = (chunks: readonly Buffer[]): string => Buffer.concat(chunks).toString();

/** The middle of some durations in milliseconds. */
export function median(durations: readonly number[]): number {
  return [...durations].sort((a, b) => a - b)[Math.floor(durations.length / 2)] ?? Number.NaN;
}
