/**
 * Batch sessions: a kernel's one command, whose end is published once (spec rpc 8.13, kernel-lifecycle 19). What is
 * under way is noted, so that a restart of the agent goes on following it; the run itself goes on meanwhile.
 */

import type { Agent } from '../../agent/agent.ts';
import type { KernelEvent } from '../../events/kernel-event.ts';
import { containerEndReasons } from '../../kernel/record.ts';
import type { Clock } from '../../lib/clock.ts';
import { hasCode } from '../../lib/errors.ts';
import { type KernelId, parseRunId, parseSessionId, type SessionId } from '../../lib/ids.ts';
import { nullable, number, object, oneOf, type Reader, text } from '../../lib/json-reader.ts';
import type { Logger } from '../../lib/log.ts';
import { Backoff } from '../../lib/retry.ts';
import type { EndReason } from '../../protocol/run-event.ts';
import type { JsonStore } from '../../storage/json-store.ts';
import type { AgentEventFields } from '../wire/events/agent-event.ts';

/** What there is of a batch run as long as its kernel lives: asked for (stored as `ordered`), with the runner (`begun`), its end published (`told`). */
const states = ['ordered', 'begun', 'told'] as const;

/** A batch run; kept over restarts by its kernel's id. */
export interface BatchNote {
  readonly session: SessionId;
  /** A command for the shell. */
  readonly code: string;
  readonly timeoutMs: number | null;
  readonly state: (typeof states)[number];
}

/** Reads what a state folder holds of a batch run. Throws JsonFormError. */
export const batchNote: Reader<BatchNote> = object((of) => ({
  session: parseSessionId(of('session', text)),
  code: of('code', text),
  timeoutMs: of('timeoutMs', nullable(number)),
  state: of('state', oneOf(states)),
}));

type SessionEndName = 'session_success' | 'session_failure';
type SessionEnd = AgentEventFields[SessionEndName];
type KernelEnd = Extract<KernelEvent, { readonly type: 'kernel-terminated' }>;

/** The kernels whose commands are followed, where that is noted, and who hears of their ends. */
export interface BatchRunsParts {
  readonly agent: Pick<Agent, 'execute' | 'events' | 'input' | 'inspect'>;
  readonly notes: Pick<JsonStore<BatchNote>, 'all' | 'put' | 'remove'>;
  /** Tells a manager, once for each name until that is free, by whatever process. */
  readonly publish: (name: SessionEndName, fields: SessionEnd, once: string) => void;
  readonly freeName: (once: string) => void;
  readonly clock: Clock;
  readonly log: Logger;
}

const run = parseRunId('batch-job');
/** Under what name the end of a kernel's run is published. */
const nameOf = (kernel: KernelId): string => `batch ${kernel}`;
/** For handing the command to the runner. */
const handoverMs = 30_000;
/** Where there is no exit code of the command. */
const unknownCode = -1;
const endedByOthers = -2;

/** Ends of kernels that nobody has asked for. */
const ownEnds: ReadonlySet<string> = new Set([
  ...containerEndReasons,
  'container-not-found',
  'failed-to-start',
  'restart-timeout',
  'abandoned',
]);

/** How a command ended: by itself; with its container, or unseen; at its time limit; because somebody ended it. */
type End = { readonly exitCode: number } | { readonly lost: number } | 'timeout' | 'cancelled';

/** The batch runs of this agent. */
export class BatchRuns implements AsyncDisposable {
  readonly #parts: BatchRunsParts;
  readonly #following = new Map<KernelId, Promise<void>>();
  readonly #stop = new AbortController();

  constructor(parts: BatchRunsParts) {
    this.#parts = parts;
  }

  /** Runs whose end has not been published. */
  get size(): number {
    return [...this.#parts.notes.all.values()].filter(({ state }) => state !== 'told').length;
  }

  /**
   * Begins the command of a session and returns; a kernel that has had one already gets no other. Throws KERNEL_NOT_FOUND,
   * STATE_UNUSABLE.
   */
  async begin(kernel: KernelId, batch: Omit<BatchNote, 'state'>): Promise<void> {
    const { agent, notes, log } = this.#parts;
    await agent.inspect(kernel);
    if (notes.all.has(kernel)) {
      log.warn('a kernel has had its batch run already; nothing is begun', { kernel });
      return;
    }
    // An earlier kernel may have had this id.
    this.#parts.freeName(nameOf(kernel));
    try {
      await notes.put(kernel, { ...batch, state: 'ordered' });
    } catch (error) {
      this.#forget(kernel);
      throw error;
    }
    // One that had ended before the note was there is published by nobody else.
    const { phase, termination } = await agent.inspect(kernel);
    if (phase === 'terminated') this.#end(kernel, { lost: termination?.exitCode ?? unknownCode });
    else this.#follow(kernel);
  }

  /** Goes on following what an earlier process had begun; the agent has recovered its kernels. */
  resume(): void {
    for (const [id, { state }] of [...this.#parts.notes.all]) {
      const kernel = id as KernelId;
      if (state !== 'told') {
        this.#follow(kernel);
      } else {
        this.#parts.freeName(nameOf(kernel));
        this.#parts.agent.inspect(kernel).catch(() => this.#forget(kernel));
      }
    }
  }

  /** A kernel has ended: called before that is published, or is suppressed. */
  kernelEnds({ kernelId, reason, exitCode }: KernelEnd, published: boolean): void {
    if (published && ownEnds.has(reason)) this.#end(kernelId, { lost: exitCode ?? unknownCode });
    else if (published) this.#end(kernelId, reason === 'exec-timeout' ? 'timeout' : 'cancelled');
    this.#forget(kernelId);
  }

  /** Follows no longer; the runs go on. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort(new DOMException('the agent is stopping', 'AbortError'));
    await Promise.all(this.#following.values());
  }

  #follow(kernel: KernelId): void {
    if (this.#following.has(kernel)) return;
    const following = this.#untilEnd(kernel).finally(() => this.#following.delete(kernel));
    this.#following.set(kernel, following);
  }

  /** Tries again whatever goes wrong, as long as the kernel lives: the run is the runner's, and goes on. */
  async #untilEnd(kernel: KernelId): Promise<void> {
    const { clock, log, notes } = this.#parts;
    const { signal } = this.#stop;
    const backoff = new Backoff({ initialMs: 500, maximumMs: 10_000, clock });
    while (!signal.aborted) {
      const note = notes.all.get(kernel);
      if (!note || note.state === 'told') return;
      try {
        const end = await this.#watch(kernel, note, signal);
        if (end !== null) return this.#end(kernel, end);
      } catch (error) {
        if (signal.aborted) return;
        if (hasCode(error, 'KERNEL_NOT_FOUND', 'RUN_NOT_FOUND', 'RUN_EXISTS', 'INVALID_ARGUMENT')) {
          // The runner may have been heard for the first time meanwhile.
          const known = await this.#known(kernel).catch(() => null);
          if (!known) log.warn('a batch run is lost', { kernel, error });
          this.#end(kernel, known ?? { lost: unknownCode });
          if (hasCode(error, 'KERNEL_NOT_FOUND')) this.#forget(kernel);
          return;
        }
        if (backoff.attempts % 10 === 0) log.warn('a batch run cannot be followed now', { kernel, error });
      }
      await backoff.wait(signal).catch(() => {});
    }
  }

  /** How it ended; null when that cannot be said yet, since the kernel ends or is being restarted. */
  async #watch(kernel: KernelId, note: BatchNote, signal: AbortSignal): Promise<End | null> {
    const { agent, notes } = this.#parts;
    const known = await this.#known(kernel);
    if (known) return known;
    if (note.state === 'ordered') {
      const { code, timeoutMs } = note;
      const request = { mode: 'batch', clean: null, build: null, exec: code || null, timeoutMs } as const;
      await agent.execute(kernel, run, request, AbortSignal.any([signal, AbortSignal.timeout(handoverMs)]));
      if (notes.all.get(kernel) === note) await notes.put(kernel, { ...note, state: 'begun' });
    }
    // Whoever reads keeps the program going; the output itself is in the container's log.
    for await (const { event } of agent.events(kernel, run, 0, signal)) {
      if (event.kind === 'finished') return endOf(event.reason, event.exitCode);
      // Nobody is there to answer. The program may have taken its question back.
      if (event.kind === 'waiting-input') await agent.input(kernel, run, null, signal).catch(() => {});
    }
    return null;
  }

  /** How it ended, as far as its runner has been heard: of a run that ended long ago it knows no more than that. */
  async #known(kernel: KernelId): Promise<End | null> {
    const { runs } = await this.#parts.agent.inspect(kernel);
    const known = runs.find((one) => one.run === run && one.phase === 'finished');
    return known ? endOf(known.reason ?? 'internal', known.exitCode ?? unknownCode) : null;
  }

  #end(kernel: KernelId, end: End): void {
    const { notes, publish, log } = this.#parts;
    const note = notes.all.get(kernel);
    if (!note || note.state === 'told') return;
    // The outbox has it on disk before the note says so: to a process that ends in between, it is published already.
    const [name, reason, exitCode] = wordsOf(end);
    publish(name, { session: note.session, reason, exitCode }, nameOf(kernel));
    log.info('a batch run has ended', { kernel, reason, exitCode });
    void this.#note(kernel, { ...note, state: 'told' });
  }

  /** Notes that the end was published, as soon as the disk takes it. Never rejects. */
  async #note(kernel: KernelId, published: BatchNote): Promise<void> {
    const { notes, freeName, clock, log } = this.#parts;
    const { signal } = this.#stop;
    const backoff = new Backoff({ initialMs: 500, maximumMs: 60_000, clock });
    do {
      try {
        await notes.put(kernel, published);
        if (notes.all.get(kernel) === published) freeName(nameOf(kernel));
        return;
      } catch (error) {
        if (backoff.attempts === 0) log.error('a note could not be written; it is tried again', { kernel, error });
      }
      await backoff.wait(signal).catch(() => {});
    } while (!signal.aborted && notes.all.get(kernel) === published);
  }

  #forget(kernel: KernelId): void {
    const { notes, freeName, log } = this.#parts;
    notes.remove(kernel).then(
      () => freeName(nameOf(kernel)),
      (error: unknown) => log.error('a note could not be removed', { kernel, error }),
    );
  }
}

function endOf(reason: EndReason, exitCode: number): End | null {
  if (reason === 'kernel-ended') return null;
  if (reason === 'time-limit') return 'timeout';
  return reason === 'cancelled' ? 'cancelled' : { exitCode };
}

/** A command that went with its container did not succeed, whatever that one's status. */
function wordsOf(end: End): readonly [SessionEndName, reason: string, exitCode: number] {
  if (end === 'timeout') return ['session_failure', 'task-timeout', endedByOthers];
  if (end === 'cancelled') return ['session_failure', 'task-cancelled', endedByOthers];
  if ('lost' in end) return ['session_failure', 'task-failed', end.lost];
  if (end.exitCode !== 0) return ['session_failure', 'task-failed', end.exitCode];
  return ['session_success', 'task-finished', 0];
}
