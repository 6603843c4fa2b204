/**
 * What goes on while a run runs: its processes one after the other, its time limit, its cancellation, its input. The
 * modes (`modes/`) say which processes; everything that is alike for all of them is here.
 */
import { closeSync } from 'node:fs';
import type { Clock } from '../lib/clock.ts';
import type { ProcessOptions } from '../protocol/execute-request.ts';
import { type EndReason, maxPrompt } from '../protocol/run-event.ts';
import { type TerminalSize, usualKind } from '../protocol/terminal-size.ts';
import { asTenant } from './as-tenant.ts';
import { AskedInput } from './asked-input.ts';
import { limited, programOf } from './limited-command.ts';
import { oomKills } from './oom-kills.ts';
import { PeakWatch } from './program-usage.ts';
import type { Question, Run, RunControl } from './run.ts';
import type { TenantCommand } from './runtime.ts';
import type { RunningCommand, Tenant } from './tenant.ts';
import { type ExitFacts, notStarted, signalNumber, type TenantProcess } from './tenant-process.ts';
import { InputWriter } from './tenant-streams.ts';
import type { Pty } from './terminal/pty.ts';
import { volumePaths } from './volume-paths.ts';

const killAfterMs = 2000;
const killed = -9;
/** Of a program that SIGXCPU (24) ended. */
const outOfTime = -24;

/** Something that an execution can signal: a process group, or the interpreter. */
export interface Signallable {
  signal(name: NodeJS.Signals): boolean;
}

/** The end of a run, as its last event has it. */
export interface Outcome {
  readonly exitCode: number;
  readonly reason: EndReason;
}

/** The execution of one run. Dispose it when the run is over. */
export class Execution implements RunControl, Disposable {
  readonly run: Run;
  readonly tenant: Tenant;
  readonly clock: Clock;
  readonly #release = new DisposableStack();
  readonly #oomKillsBefore = oomKills();
  readonly #options: ProcessOptions;
  #printed = 0;
  #stopped: Outcome | null = null;
  #target: Signallable | null = null;
  #input: InputWriter | null = null;
  #inputDescriptor: number | null = null;
  /** As soon as the run has begun, when it is to have one. */
  #terminal: Promise<Pty> | null = null;
  #size: TerminalSize | null;
  /** The first one has been asked; the others wait for it. */
  readonly #questions: Question[] = [];

  constructor(run: Run, tenant: Tenant, clock: Clock) {
    this.run = run;
    this.tenant = tenant;
    this.clock = clock;
    const { request } = run;
    this.#options = request?.mode === 'program' || request?.mode === 'command' ? request : {};
    this.#size = this.#options.tty ?? null;
    const timeoutMs = request?.timeoutMs ?? null;
    if (timeoutMs !== null) this.#release.use(clock.after(timeoutMs, () => this.#timeIsUp()));
    this.#release.defer(() => {
      if (this.#inputDescriptor !== null) closeSync(this.#inputDescriptor);
      this.#input?.[Symbol.dispose]();
    });
  }

  /** Why it was stopped from outside; null as long as it was not. */
  get stopped(): Outcome | null {
    return this.#stopped;
  }

  /** Gives the run a standard input that its main program will get, unless it is to have none, or a terminal. */
  async openInput(): Promise<void> {
    if (this.#size) {
      this.#terminal = this.#openTerminal(this.#size);
      await this.#terminal;
      return;
    }
    if (this.#options.stdin === 'closed') return;
    const ends = await this.tenant.pipes.takeForInput();
    this.#input = new InputWriter(ends.ours);
    this.#inputDescriptor = ends.theirs;
  }

  /**
   * Runs one command to its end, its output going to the run. The main program gets the run's folder and input, or the caller is
   * asked for it where nobody streams any. What it wrote before it ended has been delivered when this resolves; background
   * children are not waited for.
   */
  async command(command: TenantCommand, main: boolean): Promise<ExitFacts> {
    if (this.#stopped) return { exitCode: this.#stopped.exitCode, notStarted: null, cpuMs: 0 };
    const { environ, cwd = null, limits } = this.#options;
    let own: TenantCommand = { ...command, environ: { ...command.environ, ...environ }, cwd: main ? cwd : null };
    const terminal = main ? await this.#terminal : null;
    if (main && (limits || terminal)) {
      const program = programOf(this.tenant, own);
      if (program === null) return this.#told(notStarted(127, `${command.argv[0]}: not found`));
      own = { ...own, argv: limited(program, command.argv.slice(1), limits ?? {}) };
    }
    if (terminal) return await this.#onTerminal(terminal, own);
    using asked = main && this.#isAsked ? await this.#askedInput() : null;
    const { taskLog } = this.tenant;
    taskLog?.open();
    const take = (stream: 'stdout' | 'stderr', bytes: Uint8Array): boolean => {
      asked?.spoke();
      taskLog?.copy(bytes);
      return this.output(stream, bytes);
    };
    const running = await this.tenant.run(own, {
      stdin: asked?.theirs ?? (main ? this.#takeInputDescriptor() : null),
      stdout: (bytes) => take('stdout', bytes),
      stderr: (bytes) => take('stderr', bytes),
    });
    if (running.pid !== null) asked?.watch(running.pid);
    this.run.whenSpace(() => {
      running.stdout.resume();
      running.stderr.resume();
    });
    this.aim(running);
    const facts = main ? await this.#watched(running) : await running.exited;
    this.aim(null);
    this.run.whenSpace(null);
    this.#collect(running);
    return this.#told(facts);
  }

  /** Output of the run, with a copy for the container's log. */
  output(stream: 'stdout' | 'stderr', bytes: Uint8Array): boolean {
    const passed = this.#withinLimit(bytes);
    this.tenant.log.copy(passed);
    return this.run.output(stream, this.#size ? asShown(passed) : passed);
  }

  /** One line of the runner's own on the run's standard error. */
  say(text: string): void {
    this.output('stderr', Buffer.from(text.startsWith('kernelet: ') ? `${text}\n` : `kernelet: ${text}\n`));
  }

  /** What interrupts and signals reach from now on; a stop that came before reaches it at once. */
  aim(target: Signallable | null): void {
    this.#target = target;
    if (this.#stopped && target) target.signal('SIGKILL');
  }

  /** How the run ends, given how its last process did. */
  outcome(exitCode: number): Outcome {
    if (this.#stopped) return this.#stopped.reason === 'cancelled' ? { exitCode, reason: 'cancelled' } : this.#stopped;
    const byForce = exitCode === killed || exitCode === 128 - killed;
    if (byForce && oomKills() > this.#oomKillsBefore) return { exitCode, reason: 'memory-limit' };
    const byTime = exitCode === outOfTime || exitCode === 128 - outOfTime;
    if (byTime && this.#options.limits?.cpuSeconds !== undefined) return { exitCode, reason: 'cpu-limit' };
    return { exitCode, reason: exitCode < 0 ? 'signalled' : 'exited' };
  }

  interrupt(): boolean {
    const reached = this.#target?.signal('SIGINT') ?? false;
    // A stopped process would take it when it goes on.
    this.#target?.signal('SIGCONT');
    return reached;
  }

  signal(name: NodeJS.Signals): boolean {
    return this.#target?.signal(name) ?? false;
  }

  cancel(signal: NodeJS.Signals): void {
    this.#stopped ??= { exitCode: -(signalNumber(signal) ?? 15), reason: 'cancelled' };
    this.#target?.signal(signal);
    this.#release.use(this.clock.after(killAfterMs, () => void this.#target?.signal('SIGKILL')));
  }

  ask(question: Question): Disposable {
    this.#questions.push(question);
    if (this.#questions.length === 1) this.#pose(question);
    return { [Symbol.dispose]: () => this.#close(question) };
  }

  input(text: string | null): boolean {
    const [question] = this.#questions;
    if (!question) return false;
    this.#close(question);
    question.answer(text);
    return true;
  }

  resize(size: TerminalSize): boolean {
    if (!this.#size) return false;
    this.#size = size;
    this.#terminal?.then(
      (terminal) => terminal.resize(size),
      () => {}, // Told where the program starts.
    );
    return true;
  }

  async stdin(bytes: Uint8Array, eof: boolean): Promise<boolean> {
    // Its input ends by a key, and takes more from others.
    if (this.#terminal && this.#options.stdin !== 'closed') return (await this.#terminal).write(bytes);
    if (!this.#input) return false;
    const isTaken = await this.#input.write(bytes);
    if (eof) this.#input.end();
    return isTaken && !eof;
  }

  [Symbol.dispose](): void {
    this.#release.dispose();
  }

  /** Opened as the tenant, whose it then is. Loaded only where a run has one: each module costs every kernel memory. */
  async #openTerminal(size: TerminalSize): Promise<Pty> {
    const { Pty } = await import('./terminal/pty.ts');
    const take = (bytes: Uint8Array): boolean => {
      this.run.output('stdout', this.#withinLimit(bytes));
      return true;
    };
    return this.#release.use(asTenant(this.tenant, () => new Pty(size, take)));
  }

  /** What is typed and shown there is nobody's log. */
  async #onTerminal(terminal: Pty, command: TenantCommand): Promise<ExitFacts> {
    const argv = terminal.commandLine(volumePaths.shell, command.argv);
    const running = this.tenant.spawn({ ...command, argv, environ: { TERM: usualKind, ...command.environ } }, 'ignore');
    this.aim(running);
    const facts = await this.#watched(running);
    this.aim(null);
    terminal.drain();
    return this.#told(facts);
  }

  /** Says on the run's standard error why a program did not start. */
  #told(facts: ExitFacts): ExitFacts {
    if (facts.notStarted !== null) this.say(facts.notStarted);
    return facts;
  }

  /** The main program, from its start to its end. */
  async #watched({ pid, exited }: TenantProcess): Promise<ExitFacts> {
    if (pid === null) return await exited;
    this.run.processChanged(pid);
    using watch = new PeakWatch(pid, this.clock);
    const facts = await exited;
    this.run.used({ cpuMs: facts.cpuMs, peakBytes: watch.peakBytes });
    this.run.processChanged(null);
    return facts;
  }

  /** A question is answered or withdrawn; the next one is asked. */
  #close(question: Question): void {
    const place = this.#questions.indexOf(question);
    if (place < 0) return;
    this.#questions.splice(place, 1);
    if (place > 0) return;
    this.run.inputGiven();
    const [next] = this.#questions;
    if (next) this.#pose(next);
  }

  /** A prompt that is too long for its event is output. */
  #pose({ prompt, password }: Question): void {
    const fits = prompt.length <= maxPrompt;
    if (!fits) this.output('stdout', Buffer.from(prompt));
    this.run.waitForInput(fits ? prompt : '', password);
  }

  /** Whether the caller is to be asked for what the main program reads. */
  get #isAsked(): boolean {
    return this.#input === null && this.#options.stdin !== 'closed';
  }

  async #askedInput(): Promise<AskedInput> {
    return new AskedInput(await this.tenant.pipes.takeForInput(), {
      ...{ clock: this.clock, tenant: this.tenant },
      ask: (question) => (this.run.replay.overfull ? null : this.ask(question)),
    });
  }

  /** What of these bytes may still be printed; more than that ends the run. */
  #withinLimit(bytes: Uint8Array): Uint8Array {
    const { outputBytes } = this.#options.limits ?? {};
    if (outputBytes === undefined) return bytes;
    const left = outputBytes - this.#printed;
    this.#printed = Math.min(this.#printed + bytes.length, outputBytes);
    if (bytes.length <= left) return bytes;
    this.#stopped ??= { exitCode: killed, reason: 'output-limit' };
    this.#target?.signal('SIGKILL');
    return bytes.subarray(0, left);
  }

  #takeInputDescriptor(): number | null {
    const descriptor = this.#inputDescriptor;
    this.#inputDescriptor = null;
    return descriptor;
  }

  #collect(running: RunningCommand): void {
    running.stdout.drain();
    running.stderr.drain();
    this.tenant.adopt(running);
  }

  #timeIsUp(): void {
    this.#stopped ??= { exitCode: killed, reason: 'time-limit' };
    this.#target?.signal('SIGKILL');
  }
}

/** What did not pass through a terminal, as one shows it. */
const asShown = (bytes: Uint8Array): Uint8Array =>
  Buffer.from(Buffer.from(bytes).toString('latin1').replace(/\r?\n/g, '\r\n'), 'latin1');
