/**
 * Work that goes on after the reply to the call that asked for it (spec cluster-state 8): its record in Redis says how
 * far it is, and one event says how it ended. A manager begins to listen when it has the reply, so nothing ends before it
 * can have done so. What this process leaves unfinished, the next one reports as failed.
 */
import { randomUUID } from 'node:crypto';
import { type Clock, sleep } from '../../lib/clock.ts';
import { Deadline, raceWithSignal, withDeadline } from '../../lib/deadline.ts';
import { KerneletError, toKerneletError } from '../../lib/errors.ts';
import { object, type Reader, text } from '../../lib/json-reader.ts';
import type { Logger } from '../../lib/log.ts';
import { retry } from '../../lib/retry.ts';
import type { JsonStore } from '../../storage/json-store.ts';
import { taskRecordBackoff, taskRecordMs } from '../redis/retry.ts';
import type { BackgroundTaskRecords, TaskEnd } from '../redis/task-records.ts';
import type { AgentEventFields } from '../wire/events/agent-event.ts';

/** What is kept of a task over a restart. */
export interface TaskNote {
  readonly what: string;
}

/** Reads what a state folder holds of a task. Throws JsonFormError. */
export const taskNote: Reader<TaskNote> = object((of) => ({ what: of('what', text) }));

/** Says how far a task is; more often than once a second is left out. */
export type TaskProgress = (current: number, total: number, message: string) => void;

/** Does the work. The text that it returns is shown to whoever asked for it, or what it throws. */
export type TaskBody = (progress: TaskProgress, signal: AbortSignal) => Promise<string>;

type TaskEventName = 'bgtask_updated' | 'bgtask_done' | 'bgtask_cancelled' | 'bgtask_failed';

/** Where tasks are recorded: in Redis for managers, on disk for the next process. */
export interface BackgroundTasksParts {
  readonly records: Pick<BackgroundTaskRecords, 'start' | 'progress' | 'end'>;
  /** Tells a manager; with a name once until that is free, by whatever process. */
  readonly publish: <Name extends TaskEventName>(name: Name, fields: AgentEventFields[Name], once?: string) => void;
  /** Whether something was published under this name. */
  readonly hasPublished: (once: string) => boolean;
  readonly freeName: (once: string) => void;
  readonly notes: Pick<JsonStore<TaskNote>, 'all' | 'put' | 'remove'>;
  readonly clock: Clock;
  readonly log: Logger;
}

const maxTasks = 256;
/** From the reply to the earliest end. */
const listeningMs = 1_000;
const progressPauseMs = 1_000;
/** How long the record of an end may take when the agent is stopping. */
const hurriedMs = 2_000;
const stoppingMs = 5_000;
const maxText = 4_096;

/** Under what name the end of a task is published. */
const nameOf = (id: string): string => `task ${id}`;

const eventOf = { done: 'bgtask_done', cancelled: 'bgtask_cancelled', failed: 'bgtask_failed' } as const;

/** The tasks of this agent. */
export class BackgroundTasks implements AsyncDisposable {
  readonly #parts: BackgroundTasksParts;
  readonly #open = new Map<string, Promise<void>>();
  readonly #stop = new AbortController();

  /** Reports what an earlier process has left as failed, in the background. */
  constructor(parts: BackgroundTasksParts) {
    this.#parts = parts;
    for (const [id, { what }] of [...parts.notes.all]) {
      if (parts.hasPublished(nameOf(id))) void this.#forget(id);
      else this.#open.set(id, this.#end(id, 'failed', `the agent was restarted during ${what}`));
    }
  }

  /** Tasks whose end has not been published. */
  get size(): number {
    return this.#open.size;
  }

  /**
   * Begins a task and gives its id: a UUID. The body begins when the caller has had time to reply. Throws
   * REDIS_UNAVAILABLE when the record cannot be made, OVERLOADED, SHUTTING_DOWN, STATE_UNUSABLE; then nothing begins.
   */
  async begin(what: string, body: TaskBody): Promise<string> {
    const { records, notes, clock } = this.#parts;
    if (this.#stop.signal.aborted) throw new KerneletError('SHUTTING_DOWN', 'the agent is shutting down');
    if (this.#open.size >= maxTasks) throw new KerneletError('OVERLOADED', `${maxTasks} tasks are under way`);
    const id = randomUUID();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#open.set(id, promise);
    try {
      await records.start(id, clock.now());
      await notes.put(id, { what });
    } catch (error) {
      this.#open.delete(id);
      resolve();
      throw error;
    }
    void this.#run(id, what, body).finally(resolve);
    return id;
  }

  /** Cancels what is under way and publishes that. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort(new KerneletError('CANCELLED', 'the agent is shutting down'));
    const { clock, log } = this.#parts;
    const options = { what: 'the end of background tasks', timeoutMs: stoppingMs, clock };
    await withDeadline(options, () => Promise.all(this.#open.values())).catch((error: unknown) => {
      // The next process reports them as failed.
      log.warn('background tasks are left behind', { error });
    });
  }

  async #run(id: string, what: string, body: TaskBody): Promise<void> {
    const { clock, log } = this.#parts;
    const { signal } = this.#stop;
    const begun = clock.monotonic();
    const progress = this.#progress(id);
    let end: TaskEnd = 'done';
    let message: string;
    try {
      await sleep(clock, 0, signal);
      message = await body(progress.report, signal);
    } catch (thrown) {
      const error = toKerneletError(thrown);
      end = signal.aborted ? 'cancelled' : 'failed';
      message = error.toDocument().message;
      if (end === 'failed') log.warn('a background task failed', { task: id, what, error });
    }
    await progress.settled();
    await sleep(clock, listeningMs - (clock.monotonic() - begun), signal).catch(() => {});
    await this.#end(id, end, message);
    log.info('a background task has ended', { task: id, what, end, ms: Math.round(clock.monotonic() - begun) });
  }

  /** One report at a time; of those that come meanwhile, or too soon, the last one is given. */
  #progress(id: string): { readonly report: TaskProgress; readonly settled: () => Promise<void> } {
    const { records, publish, clock } = this.#parts;
    let lastAt = Number.NEGATIVE_INFINITY;
    let sending: Promise<void> = Promise.resolve();
    let busy = false;
    const report: TaskProgress = (current, total, message) => {
      if (busy || clock.monotonic() - lastAt < progressPauseMs) return;
      lastAt = clock.monotonic();
      busy = true;
      const step = { current, total, message: message.slice(0, maxText) };
      sending = records
        .progress(id, step, clock.now())
        .then(() => publish('bgtask_updated', { task: id, ...step }))
        // How far it was is of no use later.
        .catch(() => {})
        .finally(() => {
          busy = false;
        });
    };
    return { report, settled: () => sending };
  }

  /** The record first: a manager that reads the event looks at it. */
  async #end(id: string, end: TaskEnd, message: string): Promise<void> {
    const { publish, log } = this.#parts;
    const shown = message.slice(0, maxText);
    await this.#record(id, end, shown).catch((error: unknown) => {
      log.warn('the record of a background task could not be ended', { task: id, error });
    });
    publish(eventOf[end], { task: id, message: shown }, nameOf(id));
    await this.#forget(id);
    this.#open.delete(id);
  }

  /** The note of a task whose end was published is not needed any more. Never rejects. */
  async #forget(id: string): Promise<void> {
    const { notes, freeName, log } = this.#parts;
    try {
      await notes.remove(id);
      freeName(nameOf(id));
    } catch (error) {
      log.warn('a note could not be removed', { task: id, error });
    }
  }

  async #record(id: string, end: TaskEnd, message: string): Promise<void> {
    const { records, clock, log } = this.#parts;
    const { signal: stop } = this.#stop;
    const what = 'writing the record of a task';
    const write = (): Promise<void> => records.end(id, end, message, clock.now());
    if (!stop.aborted) {
      const backoff = taskRecordBackoff(clock);
      const isRetryable = (error: unknown): boolean => {
        if (backoff.attempts === 0) log.warn(`${what} has failed; trying again`, { task: id, error });
        return true;
      };
      using deadline = new Deadline({ what, timeoutMs: taskRecordMs, signal: stop, clock });
      const { signal } = deadline;
      try {
        return await retry({ backoff, signal, isRetryable }, () => raceWithSignal(write(), signal));
      } catch (error) {
        if (!stop.aborted) throw error;
      }
    }
    await withDeadline({ what, timeoutMs: hurriedMs, clock }, write);
  }
}
