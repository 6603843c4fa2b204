/**
 * One kernel's actor: an inbox that is folded through the reducer one event at a time, and the effects that follow.
 * Long work (creating, reverting) runs beside the inbox and reports back as a fact, so that a destruction always gets
 * through; writes to the journal are awaited in place, so that what follows them can rely on them.
 */
import { addAbortListener } from 'node:events';
import type { EventSink } from '../events/kernel-event.ts';
import type { Clock, Timer } from '../lib/clock.ts';
import { raceWithSignal, withDeadline } from '../lib/deadline.ts';
import { hasCode, KerneletError, toKerneletError } from '../lib/errors.ts';
import type { ContainerId } from '../lib/ids.ts';
import type { Logger } from '../lib/log.ts';
import { redactText } from '../lib/redaction.ts';
import type { RunnerClient } from '../runner-client/runner-client.ts';
import { revertSteps, runCreation } from './creation/creation.ts';
import type { CreationPlan } from './creation/step.ts';
import { shutDownGracefully } from './graceful-shutdown.ts';
import type { InvariantViolations } from './invariant-violations.ts';
import type { Journal } from './journal.ts';
import type { KernelHookList } from './kernel-hooks.ts';
import type { KernelRecord, TerminationReason } from './record.ts';
import { RecordWriter, recordDeadlineMs } from './record-writer.ts';
import type { RunnerClients } from './runner-clients.ts';
import type { Environ } from './spec.ts';
import type { Answer, Effect, EventOf, KernelState, LifecycleEvent, Scope } from './state-machine.ts';
import type { FailedTry, Work } from './stuck.ts';
import { putOffStep } from './termination.ts';
import { reduce } from './transitions.ts';
import { Waiters } from './waiters.ts';

/** What an actor works with. */
export interface ActorParts {
  readonly plan: CreationPlan;
  readonly journal: Journal;
  readonly events: EventSink<KernelRecord>;
  readonly runners: RunnerClients;
  readonly clock: Clock;
  readonly log: Logger;
  readonly invariantViolations: InvariantViolations;
  /** How long the tenant's processes get to end by themselves; with 0 they are killed at once. */
  readonly graceMs: number;
  /** Removes a container that is an older one of this kernel, if it provably is. */
  readonly removeOrphan: (containerId: ContainerId, generation: number) => Promise<void>;
  /** Has the container of the record stand still, or go on. */
  readonly setPaused: (record: KernelRecord, isPaused: boolean, signal: AbortSignal) => Promise<void>;
  /** Resolves when the container has ended; rejects when that can't be asked. */
  readonly untilEnded: (containerId: ContainerId, signal: AbortSignal) => Promise<unknown>;
  readonly hooks: Pick<KernelHookList, 'runnerOpened' | 'paused' | 'ended'>;
}

/** How a kernel is to be ended. */
export interface DestroyOptions {
  readonly reason: TerminationReason;
  /** Skips the grace in which the tenant's processes may end by themselves. */
  readonly force: boolean;
  /** Whether it is not among the kernels that ended lately; it is when absent. */
  readonly forget?: boolean;
  /** One sentence for people; a default is made from the reason. */
  readonly detail?: string;
}

/** The container is removed all the same. */
const closeDeadlineMs = 5_000;
/** The engine may do it later, which is seen then. */
const pauseDeadlineMs = 10_000;

/** What people read of a removal, by its reason. */
const removalWords: Partial<Record<TerminationReason, string>> = {
  'user-requested': 'it was removed on request',
  'force-terminated': 'it was removed by force, on request',
  'idle-timeout': 'no run was asked of it for its idle time-out',
  expired: 'its time to live was over',
  'agent-termination': 'the daemon stopped before it was ready or gone',
};

/** What those are told who wait for a kernel that is removed meanwhile. Whom a stop of the daemon cuts off has to ask again. */
function removed(reason: TerminationReason, text: string, cause?: unknown): KerneletError {
  return new KerneletError(reason === 'agent-termination' ? 'SHUTTING_DOWN' : 'CANCELLED', text, { cause });
}

/** Does all that is done about one kernel, one thing at a time, and answers those who asked for it. */
export class KernelActor {
  #state: KernelState;
  readonly #parts: ActorParts;
  readonly #log: Logger;
  /** Bounded by the callers that may wait. */
  readonly #inbox: LifecycleEvent[] = [];
  #draining = false;
  readonly #waiters = new Waiters<Answer, KernelRecord>();
  #creation: AbortController | null = null;
  #grace: AbortController | null = null;
  #pausing: AbortController | null = null;
  #retry: Timer | null = null;
  #failedTry: FailedTry | null = null;
  /** What goes on, the longest first. */
  readonly #works = new Set<Work>();
  readonly #writer: RecordWriter;
  /** Whether somebody wants its end whatever the disk does. */
  #isForced = false;
  /** Whether the tenant's processes are still to have the grace that was put off. */
  #owesGrace = false;
  #closed = false;
  #settled = Promise.withResolvers<void>();

  constructor(record: KernelRecord, parts: ActorParts) {
    this.#state = { name: 'new', record };
    this.#parts = parts;
    this.#log = parts.log.child({ kernel: record.spec.id });
    this.#writer = new RecordWriter({ ...parts, log: this.#log });
  }

  /** The kernel's record as it is now. */
  get record(): KernelRecord {
    return this.#state.record;
  }

  /** Whether nothing of the kernel is left. */
  get ended(): boolean {
    return this.#state.name === 'terminated';
  }

  /** Whether the kernel is in no transition: it runs, or has ended. */
  get steady(): boolean {
    return this.#state.name === 'running' || this.#state.name === 'terminated';
  }

  /** What has failed and is tried again; null while nothing has. */
  get failedTry(): FailedTry | null {
    return this.#failedTry;
  }

  /** What goes on, of several the longest; null: nothing. */
  get work(): Work | null {
    const [longest = null] = this.#works;
    return longest;
  }

  /** Resolves when it is steady and everything that follows from that has been done too, or when it acts no more. */
  untilSettled(): Promise<void> {
    return this.#isSettled() ? Promise.resolve() : this.#settled.promise;
  }

  /** Creates the kernel; resolves when it is ready. An abort of the signal undoes everything. */
  async create(signal: AbortSignal): Promise<KernelRecord> {
    signal.throwIfAborted();
    const answer = this.#waiters.wait('created');
    const onAbort = (): void => {
      const reason = hasCode(signal.reason, 'SHUTTING_DOWN') ? 'agent-termination' : 'user-requested';
      const error = removed(reason, `the creation of kernel ${this.record.spec.id} was cancelled`, signal.reason);
      this.post({ type: 'destroy', reason, force: true, detail: error.message, error });
    };
    using _listener = addAbortListener(signal, onAbort);
    this.post({ type: 'create' });
    return await answer;
  }

  /** Ends the kernel; every caller is answered by the one clean-up. */
  async destroy(options: DestroyOptions): Promise<KernelRecord> {
    const { reason, force } = options;
    // A daemon that stops hurries what is under way; what must wait for the disk is left to the next one.
    this.#isForced ||= force && reason !== 'agent-termination';
    const detail = options.detail ?? removalWords[reason] ?? reason;
    const error = removed(reason, `kernel ${this.record.spec.id} was removed: ${detail}`);
    const answer = this.#waiters.wait('destroyed');
    this.#pausing?.abort(error);
    this.post({ type: 'destroy', reason, force, detail, error });
    return await answer;
  }

  /**
   * A new container with the same files, ports and resources, and these variables beside the tenant's own. An abort ends
   * the waiting, not the restart.
   */
  async restart(signal: AbortSignal, environ: Environ = []): Promise<KernelRecord> {
    signal.throwIfAborted();
    const answer = this.#waiters.wait('restarted');
    this.#pausing?.abort(removed('restarting', `kernel ${this.record.spec.id} is being restarted`));
    this.post({ type: 'restart', environ });
    return await raceWithSignal(answer, signal);
  }

  /** Its processes stand still from then on. */
  async pause(by: 'request' | 'idle'): Promise<KernelRecord> {
    const answer = this.#waiters.wait('paused');
    this.post({ type: 'pause', by });
    return await answer;
  }

  /** They go on; all who ask for that at once are answered by the one call. An abort ends the waiting alone. */
  async resume(signal: AbortSignal): Promise<KernelRecord> {
    signal.throwIfAborted();
    const answer = this.#waiters.wait('resumed');
    this.post({ type: 'resume' });
    return await raceWithSignal(answer, signal);
  }

  /** Takes in a command or fact. */
  post(event: LifecycleEvent): void {
    if (this.#closed) return;
    this.#inbox.push(event);
    if (!this.#draining) void this.#drain();
  }

  /** Stops acting: timers end, pending callers are rejected. What is under way is left as it is. */
  close(): void {
    this.#closed = true;
    this.#retry?.[Symbol.dispose]();
    this.#grace?.abort();
    const error = new KerneletError('SHUTTING_DOWN', 'the daemon is stopping');
    this.#creation?.abort(error);
    this.#pausing?.abort(error);
    this.#waiters.close(error);
    this.#settled.resolve();
  }

  #isSettled(): boolean {
    return this.#closed || (this.steady && !this.#draining && this.#inbox.length === 0);
  }

  async #drain(): Promise<void> {
    this.#draining = true;
    try {
      for (let event = this.#inbox.shift(); event && !this.#closed; event = this.#inbox.shift()) {
        const { state, effects } = reduce(this.#state, event, this.#parts.clock.now());
        this.#state = state;
        if (this.steady) this.#failedTry = null;
        for (const effect of effects) await this.#runGuarded(effect);
      }
    } finally {
      this.#draining = false;
    }
    if (this.#inbox.length > 0 && !this.#closed) void this.#drain();
    if (!this.#isSettled()) return;
    this.#settled.resolve();
    this.#settled = Promise.withResolvers();
  }

  /** One effect's failure must not keep the others from happening: somebody waits for them. */
  async #runGuarded(effect: Effect): Promise<void> {
    try {
      await this.#run(effect);
    } catch (error) {
      this.#log.error('an effect failed that must not fail', { effect: effect.type, error });
      this.#parts.invariantViolations.count('internal-error');
    }
  }

  async #run(effect: Effect): Promise<void> {
    const { record } = this;
    switch (effect.type) {
      case 'write':
        return await this.#write(effect.essential);
      case 'publish':
        if (effect.event.type === 'kernel-restarting') this.#log.info('kernel restarts', { restarts: record.restarts });
        return this.#parts.events.publish(effect.event, this.record);
      case 'start-creation':
        return void this.#create(effect.scope);
      case 'cancel-creation':
        return this.#creation?.abort(effect.error);
      case 'start-revert':
        return void this.#revert(effect.scope, effect.grace);
      case 'skip-grace':
        return this.#grace?.abort();
      case 'open-runner':
        return this.#parts.hooks.runnerOpened(record, this.#parts.runners.open(record));
      case 'set-paused':
        this.#inbox.unshift(await this.#setPaused(record, effect.isPaused));
        return;
      case 'suspend-runner':
        this.#parts.runners.get(record.spec.id)?.suspend(effect.isSuspended);
        if (effect.isSuspended) this.#parts.hooks.paused(record);
        return;
      case 'schedule-retry':
        this.#log.warn('what is done about the kernel has failed; it is tried again', { error: effect.why });
        this.#noteFailure(effect.why, effect.delayMs);
        this.#retry?.[Symbol.dispose]();
        this.#retry = this.#parts.clock.after(effect.delayMs, () => this.post({ type: 'retry' }));
        return;
      case 'remove-orphan':
        return void this.#parts
          .removeOrphan(effect.containerId, record.generation)
          .catch((error: unknown) =>
            this.#log.warn('an orphaned container could not be removed', { error, ...effect }),
          );
      case 'remove-record':
        return await this.#writer.remove(record);
      case 'settle':
        if (effect.error) this.#waiters.reject(effect.answer, effect.error);
        else this.#waiters.resolve(effect.answer, record);
        return;
      case 'ended':
        // One is left where something else was faster than the next try.
        this.#retry?.[Symbol.dispose]();
        this.#log.info('kernel ended', { termination: record.termination });
        return this.#parts.hooks.ended(record);
      case 'count':
        this.#parts.invariantViolations.count(effect.invariantViolation);
        return this.#log.warn('invariant violation', {
          invariantViolation: effect.invariantViolation,
          detail: effect.detail,
        });
    }
  }

  #noteFailure(why: string, delayMs: number): void {
    const now = this.#parts.clock.now();
    this.#failedTry = { why: redactText(why), since: this.failedTry?.since ?? now, nextAt: now + delayMs };
  }

  /** Notes work until it is disposed of. */
  #begin(what: string, timeoutMs: number): Disposable {
    const since = this.#parts.clock.now();
    const work = { what, since, until: since + timeoutMs };
    this.#works.add(work);
    return { [Symbol.dispose]: () => void this.#works.delete(work) };
  }

  async #write(essential: boolean): Promise<void> {
    using _work = this.#begin('the writing of its record', recordDeadlineMs);
    const error = await this.#writer.write(this.record);
    if (essential) this.#inbox.unshift(error ? { type: 'write-failed', error } : { type: 'written' });
  }

  /** In place, within a bound: nothing else begins meanwhile, and a removal cuts it short. */
  async #setPaused(record: KernelRecord, isPaused: boolean): Promise<EventOf<'pause-set'>> {
    this.#pausing = new AbortController();
    const what = isPaused ? 'pausing its container' : 'resuming its container';
    const options = { what, timeoutMs: pauseDeadlineMs, clock: this.#parts.clock, signal: this.#pausing.signal };
    try {
      // Whoever comes after this process would not know by whom it was paused.
      if (isPaused && this.#writer.unwritten) throw this.#writer.unwritten;
      await withDeadline(options, ({ signal }) => this.#parts.setPaused(record, isPaused, signal));
      return { type: 'pause-set', isPaused, error: null };
    } catch (error) {
      return { type: 'pause-set', isPaused, error: toKerneletError(error) };
    } finally {
      this.#pausing = null;
    }
  }

  async #create(scope: Scope): Promise<void> {
    const { plan, clock } = this.#parts;
    const controller = new AbortController();
    this.#creation = controller;
    const outcome = await runCreation(plan, this.record, {
      scope,
      clock,
      signal: controller.signal,
      onBegun: (step, timeoutMs) => this.#begin(step, timeoutMs),
      onApplied: (step, ms, change) => this.post({ type: 'step-applied', step, ms, change }),
    });
    this.#creation = null;
    if (outcome.ok) this.post({ type: 'creation-done' });
    else this.post({ type: 'creation-failed', step: outcome.step, error: outcome.error });
  }

  async #revert(scope: Scope, grace: boolean): Promise<void> {
    const { plan, runners, clock } = this.#parts;
    const { record } = this;
    const unwritten = scope === 'kernel' ? await this.#putOffBy() : null;
    this.#owesGrace ||= grace;
    if (unwritten) {
      const message = `its end cannot be recorded, for which it waits unless it is forced: ${unwritten.message}`;
      this.post({ type: 'reverted', failures: [{ step: putOffStep, code: unwritten.code, message }] });
      return;
    }
    // To end by themselves the tenant's processes must go on.
    if (this.#owesGrace && record.paused !== null) {
      runners.get(record.spec.id)?.suspend(false);
      await this.#setPaused(record, false);
    }
    const client = runners.get(record.spec.id);
    const reason = record.termination?.reason;
    // In a container that has ended, or was never ready, there is nothing to shut down. One that another engine has may run
    // on, and write in a home that is the kernel's no more.
    const lives = reason === 'force-terminated' || (reason === 'container-not-found' && client?.connected());
    if (client && (this.#owesGrace || lives)) {
      await this.#shutDown(client, record, this.#owesGrace ? this.#parts.graceMs : 0);
    }
    this.#owesGrace = false;
    const exitCode = record.termination?.exitCode ?? 137;
    const detail = record.termination?.detail ?? record.restarts?.detail ?? 'the kernel is being restarted';
    const closing = { what: "closing the runner's client", timeoutMs: closeDeadlineMs, clock };
    await withDeadline(closing, () => runners.end(record.spec.id, { exitCode, detail })).catch((error: unknown) => {
      this.#log.warn("the runner's client could not be closed", { error });
    });
    const failures = await revertSteps(plan, record, {
      scope,
      clock,
      log: this.#log,
      onBegun: (step, timeoutMs) => this.#begin(step, timeoutMs),
    });
    this.post({ type: 'reverted', failures });
  }

  /**
   * Why this kernel cannot be ended yet; null: it can. Whoever comes after this process tells its end from the record, or from a
   * container that has not been touched. A disk that is full or hangs is waited for; one that is broken may never be well again.
   * With each try the record is written if it can be, also of an end that is forced, which does not wait for that.
   */
  async #putOffBy(): Promise<KerneletError | null> {
    if (!this.#writer.waitsForDisk) return null;
    // A write that the disk holds up still comes, and the one behind it has the end: no more need to wait there.
    const tried = this.#writer.underWay < 2 ? this.#write(false) : Promise.resolve();
    if (this.#isForced) return null;
    await tried;
    return !this.#isForced && this.#writer.waitsForDisk ? this.#writer.unwritten : null;
  }

  async #shutDown(client: RunnerClient, { containerId }: KernelRecord, graceMs: number): Promise<void> {
    if (containerId === null) return;
    const { clock, untilEnded } = this.#parts;
    this.#grace = new AbortController();
    const options = { graceMs, clock, skip: this.#grace.signal };
    await shutDownGracefully(client, { ...options, untilEnded: (signal) => untilEnded(containerId, signal) }).catch(
      (error: unknown) => this.#log.warn("the tenant's processes could not be given their grace", { error }),
    );
    this.#grace = null;
  }
}
