/**
 * What the agent does on its own: recovery at the start, following the engine, the sweep, idle time-outs, and the
 * events of executions, each of which is published once.
 */
import type { EventSink } from '../events/kernel-event.ts';
import { type KernelRecord, pauseOf } from '../kernel/record.ts';
import { hasCode } from '../lib/errors.ts';
import type { KernelId, RunId } from '../lib/ids.ts';
import { Backoff, type PeriodicJob, retry, runPeriodically, supervise } from '../lib/retry.ts';
import type { RunSummary } from '../protocol/run-event.ts';
import type { RunnerClient } from '../runner-client/runner-client.ts';
import type { AgentParts } from './agent-parts.ts';
import type { Degradations } from './degradation.ts';
import { DroppedReports } from './dropped-reports.ts';
import { IdleKernels } from './idle-kernels.ts';
import { type HealthChange, PublishedHealth } from './published-health.ts';
import type { Readiness } from './readiness.ts';

const pingPauseMs = 1_000;
const degradedPauseMs = 5_000;
const sweepPauseMs = 10_000;
const auditPauseMs = 60_000;
const rescanPauseMs = 30_000;
const idlePauseMs = 500;
const healthPauseMs = 1000;
const engineRetryMs = 1000;
/** What a start waits for, however long. */
const passing = ['ENGINE_UNAVAILABLE', 'ENGINE_CHANGED', 'DEADLINE_EXCEEDED'] as const;

export interface BackgroundJobsParts extends Pick<AgentParts, 'kernels' | 'ociRuntimes' | 'clock' | 'log'> {
  readonly events: Pick<EventSink, 'publish' | 'hasFinished'>;
}

/** What the agent does without being asked: follows the engine and the runners, ends idle kernels. */
export class BackgroundJobs implements AsyncDisposable {
  readonly #parts: BackgroundJobsParts;
  readonly #readiness: Readiness;
  readonly #degradations: Pick<Degradations, 'look'>;
  readonly #idle = new IdleKernels();
  /** Whose time to live is over, and whose end is under way. */
  readonly #expiring = new Set<KernelId>();
  readonly #clients = new Map<KernelId, RunnerClient>();
  readonly #announcements = new Map<KernelId, PublishedRuns>();
  /** Of the kernels that have models. */
  readonly #healths = new Map<KernelId, { readonly record: KernelRecord; readonly health: PublishedHealth }>();
  /** What kernels report beyond what they may. */
  readonly dropped: DroppedReports;
  readonly #end = new AbortController();
  readonly #subscriptions = new DisposableStack();
  readonly #jobs: Promise<void>[] = [];
  #engineFailure: string | null = null;

  constructor(parts: BackgroundJobsParts, readiness: Readiness, degradations: Pick<Degradations, 'look'>) {
    this.#parts = parts;
    this.#degradations = degradations;
    this.#readiness = readiness;
    this.dropped = new DroppedReports(parts.clock, parts.log);
    this.#subscriptions.use(
      parts.kernels.register({
        runnerOpened: (record, client) => this.#follow(record, client),
        ended: ({ spec }) => {
          this.#idle.forget(spec.id);
          this.#clients.delete(spec.id);
          this.#announcements.delete(spec.id);
          this.#healths.delete(spec.id);
          this.dropped.forget(spec.id);
        },
      }),
    );
  }

  /** Recovers, then runs the jobs until disposal. Throws what recovery threw, unless `retry` waits for the engine. */
  async start(options: { readonly retry: boolean }): Promise<void> {
    // Recovery may wait for an engine that hangs.
    this.#every({
      name: 'ping of the engine',
      pauseMs: pingPauseMs,
      round: (signal) => this.#parts.kernels.pingEngine(signal),
    });
    this.#every({
      name: 'look for what is degraded',
      pauseMs: degradedPauseMs,
      round: async () => void (await this.#degradations.look()),
    });
    await this.#recover(options.retry);
    const { kernels, ociRuntimes, clock, log } = this.#parts;
    this.#readiness.enter('ready');
    const { signal } = this.#end;
    this.#jobs.push(
      supervise({ what: 'following the engine', clock, log, signal, maxPauseMs: engineRetryMs }, (own) =>
        kernels.watch(own),
      ),
    );
    if (ociRuntimes.areTried)
      this.#jobs.push(
        supervise({ what: 'trying OCI runtimes', clock, log, signal }, (own) => ociRuntimes.keepTrying(own)),
      );
    this.#every({ name: 'sweep', pauseMs: sweepPauseMs, round: (signal) => kernels.sweep(signal) });
    this.#every({
      name: 'search for devices',
      pauseMs: rescanPauseMs,
      round: (signal) => kernels.rescanDevices(signal),
    });
    this.#every({
      name: 'comparison of devices',
      pauseMs: auditPauseMs,
      round: (signal) => kernels.auditDevices(signal),
    });
    this.#every({ name: 'health of models', pauseMs: healthPauseMs, round: async () => this.#tellHeldHealth() });
    this.#every({ name: 'idle kernels', pauseMs: idlePauseMs, round: () => this.#endWhatIsDue() });
  }

  /** Recovery that waited for it goes on within a second. */
  engineAccepted(): void {
    this.#engineFailure = null;
    if (this.#readiness.phase === 'recovering') this.#readiness.enter('recovering');
  }

  /** Why recovery waits for the engine, or null. */
  engineFailure(): string | null {
    return this.#engineFailure;
  }

  /** The runner's client of a kernel that is live, or null. */
  clientOf(record: KernelRecord): RunnerClient | null {
    return record.phase === 'terminated' ? null : (this.#clients.get(record.spec.id) ?? null);
  }

  /** A caller used the kernel. */
  used(id: KernelId): void {
    this.#idle.used(id, this.#parts.clock.monotonic());
  }

  /** A connection to a port of the kernel, which is not idle until this is disposed. */
  connected(id: KernelId): Disposable {
    const { clock } = this.#parts;
    this.#idle.connected(id, 1, clock.monotonic());
    return { [Symbol.dispose]: () => this.#idle.connected(id, -1, clock.monotonic()) };
  }

  /** A caller started a run. */
  executionStarted(record: KernelRecord, run: RunId): void {
    const { id, sessionId } = record.spec;
    if (!this.#announcements.get(id)?.begin(run)) return;
    this.#parts.events.publish({ type: 'execution-started', kernelId: id, sessionId, runId: run });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end.abort();
    this.#subscriptions.dispose();
    await Promise.all(this.#jobs);
  }

  async #recover(waitsForEngine: boolean): Promise<void> {
    const { kernels, clock, log } = this.#parts;
    const { signal } = this.#end;
    const backoff = new Backoff({ initialMs: engineRetryMs, maximumMs: engineRetryMs, jitter: 0, clock });
    const isRetryable = (error: unknown): boolean => {
      if (!waitsForEngine || !hasCode(error, ...passing)) return false;
      // The guard of the kernels logs a change of engine itself.
      const isFirst = this.#engineFailure === null && error.code !== 'ENGINE_CHANGED';
      if (isFirst) log.error('the engine does not answer; asking again every second', { error });
      this.#engineFailure = error.message;
      this.#readiness.enter('recovering', error);
      return true;
    };
    await retry({ backoff, signal, isRetryable }, async () => {
      const begun = clock.monotonic();
      const summary = await kernels.recover(signal);
      signal.throwIfAborted();
      this.#engineFailure = null;
      log.info('recovered', { ...summary, durationMs: Math.round(clock.monotonic() - begun) });
    });
  }

  #every(job: PeriodicJob): void {
    this.#jobs.push(runPeriodically(job, this.#parts.clock, this.#parts.log, this.#end.signal));
  }

  #follow(record: KernelRecord, client: RunnerClient): void {
    const { id, idleTimeoutMs } = record.spec;
    const { clock } = this.#parts;
    const announcements = new PublishedRuns();
    this.#clients.set(id, client);
    this.#announcements.set(id, announcements);
    if (idleTimeoutMs !== null) this.#idle.watch(id, idleTimeoutMs, clock.monotonic());
    const isActive = (summary: RunSummary): boolean => summary.phase !== 'finished';
    const onConnected = (): void => {
      const active = client.runs().filter(isActive);
      this.#idle.activeRuns(
        id,
        active.map(({ run }) => run),
        clock.monotonic(),
      );
    };
    onConnected();
    let adopted = client.status() === null;
    const health = new PublishedHealth(record.spec.models, clock);
    if (record.spec.models.length > 0) this.#healths.set(id, { record, health });
    let toldUnreachable = false;
    client.subscribe((event) => {
      if (event.type === 'unreachable' && isToAnswer(this.#parts.kernels.get(id))) {
        toldUnreachable = true;
        this.#tellReachability(record, false);
      }
      if (event.type === 'reachable' && toldUnreachable) {
        toldUnreachable = false;
        this.#tellReachability(record, true);
      }
      if (event.type === 'unasked') this.dropped.count(id, 1);
      if (event.type === 'status') {
        const { changes, dropped } = health.changes(event.status.models);
        this.dropped.count(id, dropped);
        this.#tellHealth(record, changes);
      }
      if (event.type === 'connected') {
        // Runs that are there already when this process comes were begun, and announced, by the one before.
        for (const { run } of adopted ? client.runs() : []) {
          announcements.begin(run);
          if (this.#parts.events.hasFinished(id, run)) announcements.end(run);
        }
        adopted = false;
        onConnected();
      }
      if (event.type !== 'run') return;
      this.#idle.runChanged(id, event.summary.run, isActive(event.summary), clock.monotonic());
      this.#announce(record, event.summary, announcements);
    });
  }

  #tellReachability({ spec: { id, sessionId } }: KernelRecord, reachable: boolean): void {
    if (reachable) this.#parts.log.info("a kernel's runner answers again", { kernel: id });
    else this.#parts.log.warn("a kernel's runner does not answer; the kernel is left as it is", { kernel: id });
    this.#parts.events.publish({ type: 'reachability', kernelId: id, sessionId, reachable });
  }

  /** What came too fast and holds still: the runner may say nothing more of it. */
  #tellHeldHealth(): void {
    for (const { record, health } of this.#healths.values()) this.#tellHealth(record, health.held());
  }

  #tellHealth({ spec }: KernelRecord, changes: readonly HealthChange[]): void {
    for (const { name: model, healthy } of changes) {
      this.#parts.events.publish({
        ...{ type: 'model-health', kernelId: spec.id, sessionId: spec.sessionId },
        model,
        healthy,
      });
    }
  }

  #announce(record: KernelRecord, summary: RunSummary, announcements: PublishedRuns): void {
    const { exitCode, reason, run, phase } = summary;
    this.executionStarted(record, run);
    if (phase !== 'finished' || !announcements.end(run)) return;
    this.#parts.events.publish({
      type: 'execution-finished',
      kernelId: record.spec.id,
      sessionId: record.spec.sessionId,
      runId: run,
      exitCode: exitCode ?? -1,
      reason: reason ?? 'internal',
    });
  }

  /** Nobody waits for the removals: one that hangs must hold up neither the others nor the agent's end. */
  async #endWhatIsDue(): Promise<void> {
    // Its time is not over while nothing can be ended.
    if (this.#parts.kernels.engineProblem()) return;
    this.#endExpired();
    const now = this.#parts.clock.monotonic();
    for (const { spec, paused } of this.#parts.kernels.list()) if (paused !== null) this.#idle.used(spec.id, now);
    for (const id of this.#idle.due(now)) {
      const record = this.#parts.kernels.get(id);
      const client = this.#clients.get(id);
      // Nobody could use it.
      if (record.missingSince !== null) continue;
      if (typeof client?.unreachableSince() === 'number') continue;
      if (client?.busy()) this.#idle.used(id, now);
      else this.#takeForIdle(record, now);
    }
  }

  #takeForIdle({ spec: { id, onIdle } }: KernelRecord, now: number): void {
    const { kernels, log } = this.#parts;
    log.info('a kernel was idle for its timeout', { kernel: id, onIdle });
    if (onIdle === 'pause') {
      // One that cannot be paused now is tried again after the same time.
      this.#idle.used(id, now);
      kernels.pause(id, 'idle').catch((error: unknown) => {
        log.warn('an idle kernel could not be paused', { kernel: id, error });
      });
      return;
    }
    this.#idle.forget(id);
    kernels.destroy(id, { reason: 'idle-timeout', force: false }).catch((error: unknown) => {
      log.warn('an idle kernel could not be ended', { kernel: id, error });
    });
  }

  /** A clock that was set moves their ends with it, as it does for all times that are given to people. */
  #endExpired(): void {
    const { kernels, clock, log } = this.#parts;
    for (const { spec, phase, createdAt } of kernels.list()) {
      const { id, ttlMs } = spec;
      if (ttlMs === null || phase === 'terminating' || clock.now() - createdAt < ttlMs || this.#expiring.has(id))
        continue;
      this.#expiring.add(id);
      log.info("a kernel's time to live is over", { kernel: id });
      kernels
        .destroy(id, { reason: 'expired', force: false })
        .catch((error: unknown) => log.warn('an expired kernel could not be ended', { kernel: id, error }))
        .finally(() => this.#expiring.delete(id));
    }
  }
}

/** Whether its runner is to answer: it runs, and does not stand still on purpose. */
const isToAnswer = (record: KernelRecord): boolean => record.phase === 'running' && pauseOf(record) === null;

/** More runs than a runner keeps, so that none is published twice after a reconnection. */
const maxRuns = 1024;

/**
 * The runs of one kernel: each has one begin and one end, in this order, whichever report of it comes first. A short run
 * may be over before the reply to its request has been looked at.
 */
class PublishedRuns {
  readonly #begun = new Set<RunId>();
  readonly #ended = new Set<RunId>();

  /** Whether the begin of the run is still to be published; it counts as published then. */
  begin(run: RunId): boolean {
    return remember(this.#begun, run);
  }

  /** Whether the end of the run is still to be published; it counts as published then. */
  end(run: RunId): boolean {
    return remember(this.#ended, run);
  }
}

function remember(runs: Set<RunId>, run: RunId): boolean {
  if (runs.has(run)) return false;
  runs.add(run);
  const [oldest] = runs;
  if (runs.size > maxRuns && oldest !== undefined) runs.delete(oldest);
  return true;
}
