/**
 * Runs as managers drive them: step by step, each step a call that gathers output until something conclusive has
 * happened or its time is over (spec rpc 8.12, kernel-runner 7.3). What a lost call had gathered, the next one brings. A run
 * that nobody asks for any more is read all the same, so that it holds up neither itself nor those behind it (7.4).
 */

import { createHash } from 'node:crypto';
import type { Agent } from '../../agent/agent.ts';
import { type Clock, systemClock, type Timer } from '../../lib/clock.ts';
import { withDeadline } from '../../lib/deadline.ts';
import { hasCode, KerneletError } from '../../lib/errors.ts';
import { isRunId, type KernelId, type RunId } from '../../lib/ids.ts';
import { KeyedMutex } from '../../lib/semaphore.ts';
import { YieldBudget } from '../../lib/yield-budget.ts';
import type { ExecuteRequest } from '../../protocol/execute-request.ts';
import { toGeneration3 } from '../../protocol/generation-3.ts';
import type { RunSummary } from '../../protocol/run-event.ts';
import { Backlog } from './backlog.ts';
import { type ExecuteStatus, RunCollector } from './run-collector.ts';

/** What a step begins with: a request, the answer to a question, or nothing. */
export type StepInput =
  | { readonly kind: 'begin'; readonly request: ExecuteRequest }
  | { readonly kind: 'answer'; readonly text: string }
  | { readonly kind: 'continue' };

/** One call of `execute`. */
export interface ExecutionStep {
  readonly kernel: KernelId;
  /** Any text: how the caller knows the run. What is begun under a text whose run has ended is another one. */
  readonly run: string;
  readonly input: StepInput;
  readonly apiVersion: number;
  /** null: until something conclusive has happened. */
  readonly flushMs: number | null;
}

/** The answer to a step. */
export type StepResult = ReturnType<RunCollector['take']>;

interface OpenRun {
  readonly id: RunId;
  readonly collector: RunCollector;
  /** What came while nobody asked. */
  readonly backlog: Backlog;
  /** The number of the last event that the collector or the backlog has. */
  after: number;
  /** What makes the run be read when nobody asks for it; null: somebody does, or it is read already. */
  unattended: { readonly timer: Timer; readonly end: AbortController } | null;
}

/** What is remembered of runs that nobody continues; the runner keeps what is forgotten here. */
const maxOpenRuns = 10_000;
/** A run that is not asked for in this time is read without being asked for. */
const unattendedMs = 30_000;
/** So many of these may have output that waits; that of older ones is dropped. */
const maxBacklogs = 64;
/** The share of the time in which runs are read that nobody asks for, all together. */
const aTenth = { workMs: 10, restMs: 90 };
/** For handing something to the runner. */
const handoverMs = 30_000;
/** For the end of a restart that a run comes in. */
const restartMs = 90_000;
const conclusive: ReadonlySet<ExecuteStatus> = new Set(['finished', 'exec-timeout']);

/** The runs that are being driven. */
export class Executions {
  readonly #agent: Pick<Agent, 'execute' | 'input' | 'events' | 'inspect' | 'kernelEvents'>;
  readonly #runs = new Map<string, OpenRun>();
  /** When the latest run began that was not the first of its name. */
  #latest = 0;
  /** A run has one reader. */
  readonly #turns = new KeyedMutex<string>();

  /** With backlogs, the newest last. */
  readonly #waiting = new Set<OpenRun>();
  readonly #clock: Clock;
  /** Programs that print without end are read all the time. */
  readonly #budget: YieldBudget;

  constructor(
    agent: Pick<Agent, 'execute' | 'input' | 'events' | 'inspect' | 'kernelEvents'>,
    clock: Clock = systemClock,
  ) {
    this.#agent = agent;
    this.#clock = clock;
    this.#budget = new YieldBudget({ ...aTenth, clock });
  }

  /** Runs that have not ended for whom drives them. */
  get size(): number {
    return this.#runs.size;
  }

  /** Takes one step; steps of one run go one after the other. Throws what the agent's `execute` throws. */
  async step(step: ExecutionStep, signal: AbortSignal): Promise<StepResult> {
    const key = `${step.kernel} ${step.run}`;
    const take = async (): Promise<StepResult> => {
      const known = this.#runs.get(key);
      if (known) this.#attend(known);
      try {
        return await this.#take(key, step, signal);
      } finally {
        const open = this.#runs.get(key);
        if (open) this.#left(step.kernel, open);
      }
    };
    return await this.#turns.run(key, take, signal);
  }

  async #take(key: string, step: ExecutionStep, signal: AbortSignal): Promise<StepResult> {
    const { kernel, run, input, apiVersion } = step;
    const known = this.#runs.get(key);
    // In version 1 of the API a call for a run that is under way goes on with it, whatever else it says.
    const begins = input.kind === 'begin' && !(known && apiVersion === 1);
    const id = begins
      ? await this.#begin(key, step, input.request, signal)
      : (known?.id ?? (await this.#idOf(kernel, run)));
    if (input.kind === 'answer') {
      await handedOver(kernel, (own) => this.#agent.input(kernel, id, input.text, own));
    }
    const open = this.#open(key, id, run);
    try {
      await this.#gather(open, step, signal);
    } catch (error) {
      if (hasCode(error, 'KERNEL_NOT_FOUND', 'KERNEL_DIED', 'RUN_NOT_FOUND')) this.#runs.delete(key);
      throw error;
    }
    const result = open.collector.take(apiVersion);
    if (conclusive.has(result.status)) this.#runs.delete(key);
    return result;
  }

  /** Which run of this kernel a name stands for that is not remembered: an earlier process may have begun it. */
  async #idOf(kernel: KernelId, name: string): Promise<RunId> {
    return newestRunId(name, (await this.#agent.inspect(kernel)).runs);
  }

  /** Begins a run, or joins it when the same is under way; one that has ended is not asked for again. */
  async #begin(key: string, step: ExecutionStep, request: ExecuteRequest, signal: AbortSignal): Promise<RunId> {
    const { runs } = await this.#agent.inspect(step.kernel);
    const newest = this.#runs.get(key)?.id ?? newestRunId(step.run, runs);
    const hasEnded = runs.some(({ run, phase }) => run === newest && phase === 'finished');
    if (hasEnded) this.#latest = Math.max(this.#clock.now(), this.#latest + 1);
    const id = hasEnded ? laterRunId(step.run, this.#latest) : newest;
    const { existing } = await this.#handOver(step.kernel, id, request, signal);
    if (!existing) this.#runs.delete(key);
    return id;
  }

  /** A run that comes while its kernel is being restarted waits for the new container (spec rpc 8.11). */
  async #handOver(
    kernel: KernelId,
    id: RunId,
    request: ExecuteRequest,
    signal: AbortSignal,
  ): Promise<{ readonly existing: boolean }> {
    // A caller that goes away in the middle must not leave it open whether the run has begun.
    const handOver = () => handedOver(kernel, (own) => this.#agent.execute(kernel, id, request, own));
    try {
      return await handOver();
    } catch (error) {
      if (!hasCode(error, 'KERNEL_NOT_RUNNING') || error.context['phase'] !== 'restarting') throw error;
      const options = { what: `the restart of kernel ${kernel}`, timeoutMs: restartMs, signal, clock: this.#clock };
      await withDeadline(options, (deadline) => this.#restarted(kernel, deadline.signal)).catch((late: unknown) => {
        if (!hasCode(late, 'DEADLINE_EXCEEDED')) throw late;
      });
      return await handOver();
    }
  }

  /** Resolves when the kernel is not being restarted any more. */
  async #restarted(kernel: KernelId, signal: AbortSignal): Promise<void> {
    const isRestarting = async () => (await this.#agent.inspect(kernel)).phase === 'restarting';
    if (!(await isRestarting())) return;
    // What has happened since is among the events that are kept.
    for await (const { event } of this.#agent.kernelEvents({ after: 0, follow: true }, signal)) {
      if (event.kernelId === kernel && !(await isRestarting())) return;
    }
  }

  #open(key: string, id: RunId, name: string): OpenRun {
    const known = this.#runs.get(key);
    const open: OpenRun =
      known?.id === id
        ? known
        : { id, collector: new RunCollector(name), backlog: new Backlog(), after: 0, unattended: null };
    // The newest is the last to be forgotten.
    this.#runs.delete(key);
    this.#runs.set(key, open);
    const [oldest] = this.#runs;
    if (this.#runs.size > maxOpenRuns && oldest !== undefined) {
      this.#runs.delete(oldest[0]);
      this.#attend(oldest[1]);
    }
    return open;
  }

  /** Somebody asks for a run again. */
  #attend(open: OpenRun): void {
    open.unattended?.timer[Symbol.dispose]();
    open.unattended?.end.abort(new DOMException('somebody asks for the run', 'AbortError'));
    open.unattended = null;
    this.#waiting.delete(open);
  }

  /** A step has left a run unfinished. */
  #left(kernel: KernelId, open: OpenRun): void {
    const end = new AbortController();
    const timer = this.#clock.after(unattendedMs, () => void this.#readOn(kernel, open, end.signal));
    timer.unref();
    open.unattended = { timer, end };
  }

  /** Reads a run that nobody asks for, to its end. */
  async #readOn(kernel: KernelId, open: OpenRun, signal: AbortSignal): Promise<void> {
    this.#waiting.add(open);
    const [oldest] = this.#waiting;
    if (this.#waiting.size > maxBacklogs && oldest) {
      this.#waiting.delete(oldest);
      oldest.backlog.dropOutput();
    }
    try {
      for await (const event of this.#agent.events(kernel, open.id, open.after, signal)) {
        // One that is asked for now has another reader, who gets this event too.
        if (signal.aborted) return;
        const told = toGeneration3(event, open.after);
        open.after = event.n;
        // Too much is the runner's to hold, which has bounds for that.
        if (!open.backlog.push(told)) return;
        await this.#budget.yieldIfSpent(signal);
      }
    } catch {
      // Whoever asks next is told.
    }
  }

  /** Returns when the run has come to something conclusive, or the time is over. */
  async #gather(open: OpenRun, { kernel, flushMs }: ExecutionStep, signal: AbortSignal): Promise<void> {
    if (open.collector.isFull) return;
    for (let event = open.backlog.shift(); event; event = open.backlog.shift()) {
      if (open.collector.add(event)) return;
    }
    const late = flushMs === null ? null : AbortSignal.timeout(flushMs);
    const either = late ? AbortSignal.any([signal, late]) : signal;
    try {
      for await (const event of this.#agent.events(kernel, open.id, open.after, either)) {
        const told = toGeneration3(event, open.after);
        open.after = event.n;
        if (open.collector.add(told)) return;
      }
    } catch (error) {
      if (signal.aborted || !late?.aborted) throw error;
    }
  }
}

/** Hands something to a kernel's runner, which may be frozen. Throws DEADLINE_EXCEEDED, naming the kernel. */
function handedOver<T>(kernel: KernelId, hand: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const what = `handing this to the runner of kernel ${kernel}, which may be paused,`;
  return withDeadline({ what, timeoutMs: handoverMs }, ({ signal }) => hand(signal));
}

/** Characters of a run's name at most. */
const maxName = 1024;

/** The id of the first run of this name: the name itself where it is an id. Throws INVALID_ARGUMENT for a huge name. */
export function firstRunId(name: string): RunId {
  if (name.length > maxName) {
    throw new KerneletError('INVALID_ARGUMENT', `the run id is longer than ${maxName} characters`);
  }
  return isRunId(name) ? name : (`named-${digest(name)}` as RunId);
}

/** An id for another run of this name, begun at `now`, in milliseconds since the epoch. */
export function laterRunId(name: string, now: number): RunId {
  return `${laterPrefix(name)}${now.toString(36).padStart(10, '0')}` as RunId;
}

/** Which of these runs the name stands for: the newest one, or the first when there is none of it. */
export function newestRunId(name: string, runs: readonly RunSummary[]): RunId {
  const first = firstRunId(name);
  const prefix = laterPrefix(name);
  const own = runs.filter(({ run }) => run === first || run.startsWith(prefix));
  const candidates = own.some(isUnfinished) ? own.filter(isUnfinished) : own;
  const later = candidates.map(({ run }) => run).filter((run) => run !== first);
  return later.toSorted().at(-1) ?? first;
}

const laterPrefix = (name: string): string => `again-${digest(name)}-`;
const digest = (name: string): string => createHash('sha256').update(name).digest('hex').slice(0, 32);
const isUnfinished = ({ phase }: RunSummary): boolean => phase !== 'finished';
