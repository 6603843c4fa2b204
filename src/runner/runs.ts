/**
 * The runs of this kernel: a first-in-first-out queue of which one runs at a time, and the finished ones, kept for a
 * while for a consumer that comes back. Run ids are idempotent: a request that arrives twice runs once.
 */
import type { Clock, Timer } from '../lib/clock.ts';
import { KerneletError } from '../lib/errors.ts';
import type { RunId } from '../lib/ids.ts';
import type { ExecuteRequest } from '../protocol/execute-request.ts';
import type { RunSummary } from '../protocol/run-event.ts';
import { fingerprint, Run, type RunObserver } from './run.ts';
import { signalNumber } from './tenant-process.ts';

const maxQueue = 256;
const maxFinished = 64;
/** The next run begins when finished ones hold less than this many buffers' worth of output that nobody has fetched. */
const heldBuffers = 4;
const tailOfFinishedBytes = 128 * 1024;
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
  /** Carries a run out; resolves when it has finished. */
  execute(run: Run): Promise<void>;
}

/** Queues, runs and keeps the runs of one kernel. */
export class Runs {
  readonly #options: RunsOptions;
  readonly #runs = new Map<RunId, Run>();
  readonly #queue: Run[] = [];
  readonly #finished: Run[] = [];
  /** How finished runs ended whose events nobody fetched in time. */
  readonly #retired = new Map<RunId, { readonly summary: RunSummary; readonly fingerprint: string }>();
  readonly #expiry = new Map<RunId, Timer>();
  #current: Run | null = null;
  #held = true;
  #closed = false;

  constructor(options: RunsOptions) {
    this.#options = options;
  }

  /** The run that is being executed; null = none. */
  get current(): Run | null {
    return this.#current;
  }

  /** Runs are queued from the first moment, but none begins before this. */
  release(): void {
    this.#held = false;
    this.#next();
  }

  /** Takes a request. Throws RUN_EXISTS, OVERLOADED or SHUTTING_DOWN. */
  execute(id: RunId, request: ExecuteRequest): { readonly existing: boolean } {
    const present = this.#runs.get(id) ?? this.#retired.get(id);
    if (present) {
      if (present.fingerprint === fingerprint(request)) return { existing: true };
      throw new KerneletError('RUN_EXISTS', `run ${id} exists with another request`);
    }
    if (this.#closed) throw new KerneletError('SHUTTING_DOWN', 'the kernel is stopping');
    if (this.#queue.length >= maxQueue) {
      throw new KerneletError('OVERLOADED', `${maxQueue} runs are waiting in this kernel already`);
    }
    const run = new Run(id, request, this.#options.limitBytes, this.#options.observer);
    this.#runs.set(id, run);
    this.#queue.push(run);
    this.#options.observer.phaseChanged(run);
    this.#next();
    return { existing: false };
  }

  /** A run that is queued, executed or kept. Throws RUN_NOT_FOUND. */
  get(id: RunId): Run {
    const run = this.#runs.get(id);
    if (!run) throw new KerneletError('RUN_NOT_FOUND', `this kernel has no run ${id}`);
    return run;
  }

  /** Takes a run off the queue, or ends it with a signal. Throws RUN_NOT_FOUND, INVALID_ARGUMENT. */
  cancel(id: RunId, signal: string): void {
    const number = signalNumber(signal);
    if (number === null) throw new KerneletError('INVALID_ARGUMENT', `${signal} is not a signal`);
    const run = this.get(id);
    const place = this.#queue.indexOf(run);
    if (place >= 0) {
      this.#queue.splice(place, 1);
      run.finish(-number, 'cancelled');
      this.#keep(run);
    } else run.control?.cancel(signal as NodeJS.Signals);
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
    if (run.phase === 'finished') this.#next();
  }

  /** Where all runs stand, oldest first. */
  list(): readonly RunSummary[] {
    const retired = [...this.#retired.values()].map(({ summary }) => summary);
    return [...retired, ...[...this.#runs.values()].map((run) => run.summary())];
  }

  /** Ends everything that waits; new requests are refused. */
  close(): void {
    this.#closed = true;
    for (const run of this.#queue.splice(0)) {
      run.finish(-1, 'cancelled');
      this.#keep(run);
    }
  }

  #next(): void {
    if (this.#held || this.#current || this.#queue.length === 0) return;
    const unfetched = this.#finished.reduce((sum, run) => sum + run.replay.unacknowledgedBytes, 0);
    if (unfetched >= this.#options.limitBytes * heldBuffers) return;
    const run = this.#queue.shift();
    if (!run) return;
    this.#current = run;
    this.#options
      .execute(run)
      .catch((error: unknown) => {
        run.emit({ kind: 'stderr' }, Buffer.from(`kernelet: the runner failed: ${String(error)}\n`));
      })
      .finally(() => {
        run.finish(-1, 'internal');
        this.#current = null;
        this.#keep(run);
        this.#next();
      });
  }

  #keep(run: Run): void {
    this.#finished.push(run);
    for (const older of this.#finished.slice(0, -1)) older.replay.trim(tailOfFinishedBytes);
    const timer = this.#options.clock.after(this.#options.keepMs, () => this.#retire(run));
    timer.unref();
    this.#expiry.set(run.id, timer);
    const excess = this.#finished.length - maxFinished;
    for (const old of this.#finished.slice(0, Math.max(0, excess))) this.#drop(old);
  }

  /** Its output goes; of one that nobody has fetched it is remembered that it ran, and how it ended. */
  #retire(run: Run): void {
    const unfetched = run.replay.unacknowledgedBytes > 0;
    this.#drop(run);
    if (!unfetched) return;
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
    this.#expiry.get(run.id)?.[Symbol.dispose]();
    this.#expiry.delete(run.id);
    const place = this.#finished.indexOf(run);
    if (place >= 0) this.#finished.splice(place, 1);
    this.#next();
  }
}
