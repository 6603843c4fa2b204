/**
 * The interpreter that keeps state between queries: a driver process that is started ahead or at the first query and
 * started again after it died. One query at a time; its lane sees to that.
 */
import type { Duplex } from 'node:stream';
import { finished } from 'node:stream/promises';
import type { Clock } from '../lib/clock.ts';
import { toGeneration3 } from '../protocol/generation-3.ts';
import type { InterpreterState } from '../protocol/kernel-contexts.ts';
import { displayEvents, errorEvents, type SaidEvent } from './driver-events.ts';
import { type FromDriver, parseDriverLine, type ToDriver } from './driver-protocol.ts';
import type { Execution, Outcome } from './execution.ts';
import type { DriverCommand } from './runtime.ts';
import type { RunningCommand, Tenant } from './tenant.ts';
import { LineReader } from './tenant-streams.ts';

const startTimeoutMs = 60_000;
const completionTimeoutMs = 5000;
const maxCompletions = 16;

interface Query {
  readonly id: number;
  readonly execution: Execution;
  readonly settle: (outcome: Outcome) => void;
  /** What it asks; one at a time, since an interrupt may have ended the wait for an earlier one. */
  question: Disposable | null;
}

/** How it is started, and who is notified. */
export interface InterpreterOptions {
  readonly tenant: Tenant;
  readonly clock: Clock;
  /** How it is started, or why it cannot be. */
  start(): DriverCommand | { readonly unable: string };
  /** Called when its state changes. */
  stateChanged(state: InterpreterState, detail: string): void;
}

/** Starts the driver, puts queries to it and hands on what it shows. */
export class Interpreter {
  readonly #options: InterpreterOptions;
  #state: InterpreterState = 'idle';
  #detail = '';
  #starting: Promise<string | null> | null = null;
  #running: RunningCommand | null = null;
  #control: Duplex | null = null;
  #ready: ((event: Extract<FromDriver, { ev: 'ready' | 'unable' }>) => void) | null = null;
  #interruptByLine = false;
  #streamsAreCopies = false;
  /** Why there is none in this image; it is not looked for again. */
  #missing: string | null = null;
  /** How it ended while nothing was asked of it, until that has been told. */
  #lost: string | null = null;
  #query: Query | null = null;
  #lastId = 0;
  readonly #completions = new Map<number, (matches: readonly string[]) => void>();

  constructor(options: InterpreterOptions) {
    this.#options = options;
  }

  get state(): InterpreterState {
    return this.#state;
  }

  /** Why it cannot run; else empty. */
  get detail(): string {
    return this.#detail;
  }

  /** Starts it unless it runs. Resolves with null, or with why it cannot run. */
  start(): Promise<string | null> {
    if (this.#running && this.#state === 'ready') return Promise.resolve(null);
    if (this.#missing !== null) return Promise.resolve(this.#missing);
    this.#starting ??= this.#launch()
      .catch((error: unknown) => this.#failed(error instanceof Error ? error.message : String(error)))
      .finally(() => {
        this.#starting = null;
      });
    return this.#starting;
  }

  /** Ends it, with whatever it runs; resolves when it has ended. The next query starts it again. */
  async end(): Promise<void> {
    while (this.#running || this.#starting) {
      this.#running?.signal('SIGKILL');
      await (this.#running?.exited ?? this.#starting);
    }
    // Whoever ends it knows what is lost, and may have installed what was missing.
    this.#lost = null;
    this.#missing = null;
  }

  /** Whether the image has one at all, which its start shows. */
  async isThere(): Promise<boolean> {
    await this.start();
    return this.#missing === null;
  }

  /** Runs a query to its end. */
  async execute(execution: Execution, code: string): Promise<Outcome> {
    const unable = await this.start();
    if (execution.stopped) return execution.stopped;
    const running = this.#running;
    if (unable !== null || !running) {
      execution.say(unable ?? 'the interpreter ended while it started');
      return { exitCode: 127, reason: 'unable' };
    }
    if (this.#lost !== null) execution.say(this.#lost);
    this.#lost = null;
    this.#lastId += 1;
    const id = this.#lastId;
    const ended = new Promise<Outcome>((settle) => {
      this.#query = { id, execution, settle, question: null };
    });
    const resume = (): void => {
      for (const stream of [running.stdout, running.stderr, running.duplex(3)]) stream?.resume();
    };
    execution.run.whenSpace(resume);
    execution.aim({
      signal: (name) => {
        const byLine = name === 'SIGINT' && this.#interruptByLine;
        const reached = byLine ? this.#running === running : running.signal(name);
        if (name === 'SIGINT') this.#send({ op: 'interrupt', id });
        return reached;
      },
    });
    this.#send({ op: 'execute', id, code });
    const outcome = await ended;
    execution.aim(null);
    execution.run.whenSpace(null);
    resume();
    return outcome;
  }

  /** What could stand at the cursor; nothing when the interpreter is busy for too long or cannot run. */
  async complete(code: string, cursor: number): Promise<readonly string[]> {
    if (this.#completions.size >= maxCompletions) return [];
    const { promise, resolve } = Promise.withResolvers<readonly string[]>();
    using _timer = this.#options.clock.after(completionTimeoutMs, () => resolve([]));
    this.#lastId += 1;
    const id = this.#lastId;
    this.#completions.set(id, resolve);
    try {
      void this.start().then((unable) => {
        if (unable !== null) resolve([]);
        else if (this.#completions.has(id)) this.#send({ op: 'complete', id, code, cursor });
      });
      return await promise;
    } finally {
      this.#completions.delete(id);
    }
  }

  async #launch(): Promise<string | null> {
    const { tenant, clock } = this.#options;
    const command = this.#options.start();
    if ('unable' in command) {
      this.#setState('none', '');
      return command.unable;
    }
    this.#setState('starting', '');
    const running = await tenant.run(command, {
      stdin: null,
      control: true,
      stdout: (bytes) => this.#output('stdout', bytes),
      stderr: (bytes) => this.#output('stderr', bytes),
    });
    const control = running.duplex(3);
    this.#running = running;
    this.#control = control;
    this.#listen(running);
    const ready = new Promise<string | null>((resolve) => {
      this.#ready = (event) => {
        if (event.ev === 'ready')
          [this.#interruptByLine, this.#streamsAreCopies] = [event.interruptByLine, event.streamsAreCopies];
        else if (event.isMissing) this.#missing = event.reason;
        resolve(event.ev === 'ready' ? null : event.reason);
      };
    });
    const died = running.exited.then(async ({ exitCode, notStarted }) => {
      // Its end may be noticed before its last word has been read.
      if (control) await finished(control, { writable: false }).catch(() => {});
      return notStarted ?? `the interpreter ended with status ${exitCode} while it started`;
    });
    const late = Promise.withResolvers<string>();
    using _timer = clock.after(startTimeoutMs, () => {
      running.signal('SIGKILL');
      late.resolve('the interpreter did not get ready in time');
    });
    const failure = await Promise.race([ready, died, late.promise]);
    if (failure !== null && failure === this.#missing) this.#setState('none', '');
    else if (failure !== null) return this.#failed(failure);
    else this.#setState('ready', '');
    return failure;
  }

  #failed(reason: string): string {
    this.#setState('failed', reason);
    return reason;
  }

  #listen(running: RunningCommand): void {
    const lines = new LineReader();
    const control = running.duplex(3);
    control?.on('error', () => {
      // The exit of the process follows and says why.
    });
    control?.on('data', (chunk: Buffer) => {
      try {
        for (const line of lines.push(chunk)) this.#receive(running, line);
      } catch (error) {
        this.#options.tenant.log.line('ERROR', `the interpreter is ended: ${String(error)}`);
        running.signal('SIGKILL');
      }
    });
    void running.exited.then(({ exitCode }) => this.#died(running, exitCode));
  }

  #receive(running: RunningCommand, line: string): void {
    const event = parseDriverLine(line);
    if (!event) {
      this.#options.tenant.log.line('WARN', 'the interpreter driver sent an invalid line');
      return;
    }
    // What was printed before the line is delivered before it.
    running.stdout.drain();
    running.stderr.drain();
    if (event.ev === 'ready' || event.ev === 'unable') this.#ready?.(event);
    else if (event.ev === 'completion') this.#completions.get(event.id)?.(event.matches);
    else if (this.#query) {
      const { run } = this.#query.execution;
      this.#receiveForQuery(this.#query, event);
      // What is shown fills it like what is printed.
      if (this.#query && run.isFull) running.duplex(3)?.pause();
    }
  }

  #receiveForQuery(query: Query, event: Exclude<FromDriver, { ev: 'ready' | 'unable' | 'completion' }>): void {
    const { execution } = query;
    switch (event.ev) {
      case 'done':
        if (event.id !== query.id) return;
        this.#query = null;
        query.question?.[Symbol.dispose]();
        query.settle(execution.outcome(event.exitCode));
        break;
      case 'stream':
        execution.output(event.name, Buffer.from(event.text));
        break;
      case 'input':
        query.question?.[Symbol.dispose]();
        query.question = execution.ask({
          prompt: event.prompt,
          password: event.password,
          answer: (text) => this.#send({ op: 'input', text }),
        });
        break;
      case 'display':
        for (const said of displayEvents(event.role, event.forms)) this.#say(execution, said);
        break;
      case 'error':
        for (const said of errorEvents(event)) this.#say(execution, said);
        break;
    }
  }

  /** What is text of it goes to the container's log too, as generation 3 had it. */
  #say(execution: Execution, { event, body }: SaidEvent): void {
    if (event.kind === 'stdout' || event.kind === 'stderr') {
      execution.output(event.kind, body);
      return;
    }
    const printed = toGeneration3({ n: 0, event, body });
    if (printed.event.kind === 'stdout' || printed.event.kind === 'stderr') this.#options.tenant.log.copy(printed.body);
    execution.run.emit(event, body);
  }

  #died(running: RunningCommand, exitCode: number): void {
    running.stdout.drain();
    running.stderr.drain();
    const query = this.#query;
    this.#query = null;
    if (this.#running === running) {
      this.#running = null;
      this.#control = null;
      if (this.#state === 'ready') {
        const how = exitCode < 0 ? `signal ${-exitCode}` : `status ${exitCode}`;
        if (!query) this.#lost = `the interpreter ended with ${how} after the last query: its variables are lost`;
        this.#setState('idle', '');
      }
    }
    for (const resolve of this.#completions.values()) resolve([]);
    if (query) {
      const outcome = query.execution.outcome(exitCode);
      if (outcome.reason === 'signalled') {
        query.execution.say(`signal ${-exitCode} ended the interpreter: its variables are lost`);
      }
      query.question?.[Symbol.dispose]();
      query.settle(outcome);
    }
    this.#options.tenant.adopt(running);
  }

  #output(stream: 'stdout' | 'stderr', bytes: Uint8Array): boolean {
    const query = this.#query;
    if (query && !this.#streamsAreCopies) return query.execution.output(stream, bytes);
    this.#options.tenant.log.copy(bytes);
    return true;
  }

  #send(message: ToDriver): void {
    this.#control?.write(`${JSON.stringify(message)}\n`);
  }

  #setState(state: InterpreterState, detail: string): void {
    this.#state = state;
    this.#detail = detail;
    this.#options.stateChanged(state, detail);
  }
}
