/**
 * The runs of this kernel: those that wait or run, in their lanes, and the finished ones, kept for a while for a consumer that
 * comes back. Run ids are idempotent: a request that arrives twice runs once.
 */
import type { Clock, Timer } from '../lib/clock.ts';
import { KerneletError } from '../lib/errors.ts';
import type { RunId } from '../lib/ids.ts';
import { contextOf, type ExecuteRequest } from '../protocol/execute-request.ts';
import { mainContext } from '../protocol/kernel-contexts.ts';
import { describe } from '../protocol/run-description.ts';
import type { RunSummary } from '../protocol/run-event.ts';
import { type Lane, Lanes } from './lanes.ts';
import { OutputRoom } from './output-room.ts';
import { fingerprint, Run, type RunObserver } from './run.ts';
import { signalNumber } from './tenant-process.ts';

const maxFinished = 64;
/** The next run of a lane begins when finished ones hold less than this many buffers' worth of output that nobody has fetched. */
const heldBuffers = 4;
const tailOfFinishedBytes = 128 * 1024;
/** Finished ones that wait for no reader and keep more than that. */
const maxUnread = 8;
/** How long the end of a finished run is remembered, when nobody has fetched its events: an agent may be away. */
const retiredMs = 24 * 3_600_000;
const maxRetired = 64;

/** What the set of runs needs. */
export interface RunsOptions {
  /** Bytes of unacknowledged output after which a run blocks. */
  readonly limitBytes: number;
  /** How long a finished run is kept. */
  readonly keepMs: number;
  readonly clock: Clock;
  readonly observer: RunObserver;
  /** Throws CONTEXT_NOT_FOUND. */
  assertContext(name: string): void;
  /** Carries a run out; resolves when it has finished. */
  execute(run: Run): Promise<void>;
}

/** Lines up, runs and keeps the runs of one kernel. */
export class Runs {
  readonly #options: RunsOptions;
  readonly #runs = new Map<RunId, Run>();
  readonly #lanes = new Lanes();
  readonly #room: OutputRoom;
  readonly #finished: Run[] = [];
  /** How finished runs ended whose events nobody fetched in time. */
  readonly #retired = new Map<RunId, { readonly summary: RunSummary; readonly fingerprint: string }>();
  readonly #expiry = new Map<RunId, Timer>();
  #held = true;
  #closed = false;

  constructor(options: RunsOptions) {
    this.#options = options;
    this.#room = new OutputRoom(options.limitBytes);
  }

  /** The query or batch run that runs in this context; null = none. */
  runningIn(context: string): Run | null {
    return this.#lanes.running(context);
  }

  /** Whose a question is of which nobody says by whom it is asked: the main context's, else of the run that began last. */
  get asking(): Run | null {
    return this.runningIn(mainContext) ?? this.#lanes.allRunning().at(-1) ?? null;
  }

  /** Runs are taken from the first moment, but none begins before this. */
  release(): void {
    this.#held = false;
    this.#nextOfAll();
  }

  /** Takes a request. Throws RUN_EXISTS, CONTEXT_NOT_FOUND, OVERLOADED or SHUTTING_DOWN. */
  execute(id: RunId, request: ExecuteRequest): { readonly existing: boolean } {
    const present = this.#runs.get(id) ?? this.#retired.get(id);
    if (present) {
      if (present.fingerprint === fingerprint(request)) return { existing: true };
      throw new KerneletError('RUN_EXISTS', `run ${id} exists with another request`);
    }
    if (this.#closed) throw new KerneletError('SHUTTING_DOWN', 'the kernel is stopping');
    this.#assertUnnamed(describe(request).name);
    const context = contextOf(request);
    if (context !== null) this.#options.assertContext(context);
    const run = new Run(id, request, { ...this.#options, room: this.#room });
    const { lane, behind } = this.#lanes.enter(run, context);
    this.#runs.set(id, run);
    if (behind) run.emit({ kind: 'queued', behind: behind.id });
    this.#options.observer.phaseChanged(run);
    this.#next(lane);
    return { existing: false };
  }

  /** A run that is queued, executed or kept. Throws RUN_NOT_FOUND. */
  get(id: RunId): Run {
    const run = this.#runs.get(id);
    if (!run) throw new KerneletError('RUN_NOT_FOUND', `this kernel has no run ${id}`);
    return run;
  }

  /** Takes a run that waits off its lane, or ends one with a signal. Throws RUN_NOT_FOUND, INVALID_ARGUMENT. */
  cancel(id: RunId, signal: string): void {
    const { name, number } = signalOf(signal);
    const run = this.get(id);
    if (this.#lanes.withdraw(run)) {
      run.finish(-number, 'cancelled');
      this.#keep(run);
    } else run.control?.cancel(name);
  }

  /** Signals a run, if it runs; says whether there was a process. Throws RUN_NOT_FOUND, INVALID_ARGUMENT. */
  signal(id: RunId, signal: string): boolean {
    const { name } = signalOf(signal);
    return this.get(id).control?.signal(name) ?? false;
  }

  /** Ends what runs and waits in a context. */
  cancelIn(context: string): void {
    this.#cancelWaiting(this.#lanes.waiting(context));
    this.runningIn(context)?.control?.cancel('SIGKILL');
  }

  /** How many runs wait in a context. */
  waitingIn(context: string): number {
    return this.#lanes.waiting(context).length;
  }

  /** Drops a finished run. Throws RUN_NOT_FOUND, INVALID_ARGUMENT. */
  forget(id: RunId): void {
    if (this.#retired.has(id)) {
      this.#dropRetired(id);
      return;
    }
    const run = this.get(id);
    if (run.phase !== 'finished') throw new KerneletError('INVALID_ARGUMENT', `run ${id} has not finished`);
    this.#drop(run);
  }

  /** The consumer of a run has its events up to `n`; for a run that is gone this means nothing. */
  acknowledge(id: RunId, n: number): void {
    const run = this.#runs.get(id);
    if (!run) return;
    run.acknowledge(n);
    if (run.phase === 'finished') this.#nextOfAll();
  }

  /** Where all runs stand, oldest first. */
  list(): readonly RunSummary[] {
    const retired = [...this.#retired.values()].map(({ summary }) => summary);
    return [...retired, ...[...this.#runs.values()].map((run) => run.summary())];
  }

  /** Ends everything that waits; new requests are refused. */
  close(): void {
    this.#closed = true;
    this.#cancelWaiting([...this.#lanes].flatMap(({ waiting }) => waiting));
  }

  #cancelWaiting(runs: readonly Run[]): void {
    for (const run of runs) {
      this.#lanes.withdraw(run);
      run.finish(-1, 'cancelled');
      this.#keep(run);
    }
  }

  /** Throws RUN_EXISTS when a run has this name or id and has not ended. */
  #assertUnnamed(name: string | null): void {
    if (name === null) return;
    const other = [...this.#runs.values()].find((run) => run.name === name || run.id === name);
    if (!other || other.phase === 'finished') return;
    throw new KerneletError('RUN_EXISTS', `run ${other.id} has the name ${name}, and has not ended`);
  }

  #nextOfAll(): void {
    for (const lane of this.#lanes) this.#next(lane);
  }

  #next(lane: Lane): void {
    if (this.#held || (lane.name !== null && this.#isUnfetched)) return;
    const run = this.#lanes.begin(lane);
    if (!run) return;
    this.#options
      .execute(run)
      .catch((error: unknown) => {
        run.emit({ kind: 'stderr' }, Buffer.from(`kernelet: the runner failed: ${String(error)}\n`));
      })
      .finally(() => {
        run.finish(-1, 'internal');
        this.#lanes.end(lane);
        this.#keep(run);
        this.#next(lane);
      });
  }

  /** Whether finished runs hold too much output for another one to begin behind them. */
  get #isUnfetched(): boolean {
    const unfetched = this.#finished.reduce((sum, run) => sum + run.replay.unacknowledgedBytes, 0);
    return unfetched >= this.#options.limitBytes * heldBuffers;
  }

  #keep(run: Run): void {
    this.#finished.push(run);
    for (const [age, older] of [...this.#finished].reverse().entries()) {
      if (age >= (older.keepsNewest ? maxUnread : 1)) older.replay.trim(tailOfFinishedBytes);
    }
    const timer = this.#options.clock.after(this.#options.keepMs, () => this.#retire(run));
    timer.unref();
    this.#expiry.set(run.id, timer);
    const excess = this.#finished.length - maxFinished;
    for (const old of this.#finished.slice(0, Math.max(0, excess))) this.#retire(old);
  }

  /** Its output goes; of one that nobody has fetched, or that waits for nobody, it is remembered how it ended. */
  #retire(run: Run): void {
    const isRemembered = run.keepsNewest || run.replay.unacknowledgedBytes > 0;
    this.#drop(run);
    if (!isRemembered) return;
    this.#retired.set(run.id, { summary: run.summary(), fingerprint: run.fingerprint });
    const timer = this.#options.clock.after(retiredMs, () => this.#dropRetired(run.id));
    timer.unref();
    this.#expiry.set(run.id, timer);
    const [oldest] = this.#retired.keys();
    if (this.#retired.size > maxRetired && oldest !== undefined) this.#dropRetired(oldest);
  }

  #dropRetired(id: RunId): void {
    this.#retired.delete(id);
    this.#expiry.get(id)?.[Symbol.dispose]();
    this.#expiry.delete(id);
  }

  #drop(run: Run): void {
    this.#runs.delete(run.id);
    run.drop();
    this.#expiry.get(run.id)?.[Symbol.dispose]();
    this.#expiry.delete(run.id);
    const place = this.#finished.indexOf(run);
    if (place >= 0) this.#finished.splice(place, 1);
    this.#nextOfAll();
  }
}

/** Throws INVALID_ARGUMENT. */
function signalOf(name: string): { readonly name: NodeJS.Signals; readonly number: number } {
  const number = signalNumber(name);
  if (number === null) throw new KerneletError('INVALID_ARGUMENT', `${name} is not a signal`);
  return { name: name as NodeJS.Signals, number };
}
