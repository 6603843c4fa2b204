/** The registry of kernels as a daemon has it: one actor for each live one, and the last records of those that ended lately. */
import type { Engine } from '../engine/engine.ts';
import type { EventSink } from '../events/kernel-event.ts';
import type { Clock } from '../lib/clock.ts';
import { withDeadline } from '../lib/deadline.ts';
import { hasCode, KerneletError } from '../lib/errors.ts';
import type { KernelId } from '../lib/ids.ts';
import type { PrewarmedNetworkPool } from '../network/prewarmed-network-pool.ts';
import type { RunnerClient } from '../runner-client/runner-client.ts';
import type { ScratchFolders } from '../storage/scratch.ts';
import { type ActorParts, type DestroyOptions, KernelActor } from './actor.ts';
import type { KernelContainers } from './container/kernel-containers.ts';
import type { KernelUsers } from './container/kernel-users.ts';
import type { Ownership } from './container/ownership.ts';
import type { CreationPlan } from './creation/step.ts';
import { EndedKernels } from './ended-kernels.ts';
import type { InvariantViolations } from './invariant-violations.ts';
import type { Journal } from './journal.ts';
import { type KeptKernel, keptKernel, keptKernels, moveKept } from './kept-kernels.ts';
import type { KernelHookList, KernelHooks } from './kernel-hooks.ts';
import { assertFree, resolveKernelId } from './kernel-names.ts';
import type { KernelRegistry, RecoverySummary } from './kernel-registry.ts';
import type { DeviceLeases } from './leases.ts';
import { NetworkUpkeep, type NetworkUpkeepParts } from './network-upkeep.ts';
import type { BootNote } from './reconciliation/boot-note.ts';
import { auditDevices, rescanDevices } from './reconciliation/device-audit.ts';
import type { EngineIdentityGuard, EngineSight } from './reconciliation/engine-identity-guard.ts';
import { EngineWatch } from './reconciliation/engine-watch.ts';
import { listOwnedContainers } from './reconciliation/owned-containers.ts';
import { adoptAll } from './reconciliation/recovery.ts';
import { Sweep } from './reconciliation/sweep.ts';
import { UnheldLimits } from './reconciliation/unheld-limits.ts';
import { type KernelRecord, noPlacement } from './record.ts';
import type { RunnerClients } from './runner-clients.ts';
import type { Environ, KernelSpec } from './spec.ts';
import { type Stuck, stuckOf } from './stuck.ts';

/** What the registry hands on to its actors, and what it sweeps and watches with. */
export interface ActorRegistryParts extends NetworkUpkeepParts {
  readonly engine: Engine;
  readonly engineGuard: EngineIdentityGuard;
  readonly hooks: KernelHookList;
  readonly prewarmedNetworks: Pick<PrewarmedNetworkPool, 'creating' | 'reconcile'>;
  readonly plan: CreationPlan;
  readonly journal: Journal;
  readonly bootNote: BootNote;
  readonly events: EventSink<KernelRecord>;
  readonly runners: RunnerClients;
  readonly containers: KernelContainers;
  readonly ownership: Ownership;
  readonly scratch: ScratchFolders;
  /** The name of the agent's own network. */
  readonly bridgeName: string;
  readonly devices: DeviceLeases;
  /** Gives new kernels users of their own; absent: they have those of their specifications. */
  readonly users?: KernelUsers | undefined;
  readonly invariantViolations: InvariantViolations;
  readonly clock: Clock;
  /** How long the tenant's processes get to end by themselves before a removal. */
  readonly graceMs: number;
  /** The least time between the two sightings of an orphaned container; 60 s when absent. */
  readonly sweepGraceMs?: number;
  /** How long a container may be missing until its kernel ends. */
  readonly missingGraceMs: number;
  /** What is done about kernels whose containers ended with the engine or the machine. */
  readonly onEngineRestart: 'restart' | 'end';
}

const defaultSweepGraceMs = 60_000;
const orphanAgeMs = 3_600_000;
/** How long a stopping daemon waits for creations to be undone and destructions to end (spec kernel-lifecycle 17). */
const stopMs = 10_000;
const orphanDeadlineMs = 90_000;
const imageDeadlineMs = 2_000;

/** The kernels of this agent, of which the actors are private: what others see of one is its record. */
export class ActorRegistry implements KernelRegistry {
  readonly #parts: ActorRegistryParts;
  readonly #actors = new Map<KernelId, KernelActor>();
  readonly #ended: EndedKernels;
  /** Those that are not to be listed when they have ended. */
  readonly #forgotten = new Set<KernelId>();
  readonly #watch: EngineWatch;
  readonly #sweep: Sweep;
  readonly #unheldLimits: UnheldLimits;
  readonly #networks: NetworkUpkeep;
  #stopping = false;
  #isRecovered = false;

  constructor(parts: ActorRegistryParts) {
    this.#parts = parts;
    this.#ended = new EndedKernels(parts.clock);
    this.#unheldLimits = new UnheldLimits(parts);
    this.#networks = new NetworkUpkeep(parts);
    const actors = this.#actors;
    this.#watch = new EngineWatch({
      ...parts,
      actors,
      onConnected: (signal) => this.#networks.keep(this.list(), signal),
      runnerAnswers: (record) =>
        !parts.engineGuard.gaveUp(record) && (parts.runners.get(record.spec.id)?.connected() ?? false),
    });
    const graceMs = parts.sweepGraceMs ?? defaultSweepGraceMs;
    this.#sweep = new Sweep({ ...parts, actors, watch: this.#watch, graceMs, orphanAgeMs });
  }

  create(spec: KernelSpec, signal: AbortSignal): Promise<KernelRecord> {
    return this.#create(spec, null, signal);
  }

  kept(): Promise<readonly KeptKernel[]> {
    return keptKernels(this.#parts.scratch);
  }

  keptOf(text: string): Promise<KeptKernel> {
    return keptKernel(this.#parts.scratch, text);
  }

  async restore({ home, record }: KeptKernel, signal: AbortSignal): Promise<KernelRecord> {
    if (record) return await this.#create(record.spec, home.name, signal);
    const text = `nothing is known of kernel ${home.kernel} but its files, which --to moves to a folder`;
    throw new KerneletError('NOT_SUPPORTED', text, { context: { kernel: home.kernel } });
  }

  async moveKept(kernel: KeptKernel, to: string, signal: AbortSignal): Promise<void> {
    await moveKept(this.#parts.scratch, kernel, to, signal);
  }

  async #create(spec: KernelSpec, restoredFrom: string | null, signal: AbortSignal): Promise<KernelRecord> {
    this.#assertGoingOn();
    // What a recovery that was refused has seen is not known here.
    if (!this.#isRecovered) this.#parts.engineGuard.assertOpen();
    // Nothing may have been compared since the last kernel ended, and the mark may have been removed.
    const { engineGuard } = this.#parts;
    if (this.#actors.size === 0 ? !engineGuard.isFresh : !engineGuard.trusted)
      await engineGuard.check(this.#sight(), signal);
    // The home that comes back is its user's.
    const userOf = restoredFrom === null ? await this.#userChoice() : null;
    assertFree(
      spec,
      this.list().map((record) => record.spec),
    );
    // It may have begun to stop meanwhile.
    this.#assertGoingOn();
    signal.throwIfAborted();
    this.#ended.forget(spec.id);
    const record: KernelRecord = {
      version: 1,
      spec: userOf ? { ...spec, user: userOf(spec) } : spec,
      phase: 'creating',
      generation: 1,
      placement: noPlacement,
      containerId: null,
      apps: [],
      restoredFrom,
      createdAt: this.#parts.clock.now(),
      readyAt: null,
      missingSince: null,
      unrecordedSince: null,
      paused: null,
      termination: null,
      restarts: null,
      timings: [],
    };
    using _creating = this.#parts.prewarmedNetworks.creating();
    return await this.#add(record).create(signal);
  }

  async destroy(id: KernelId, options: DestroyOptions): Promise<KernelRecord> {
    const actor = this.#actors.get(id);
    if (!actor) return this.get(id);
    this.#parts.engineGuard.assertOpen();
    this.#parts.hooks.beforeStop(actor.record);
    if (options.forget === true) this.#forgotten.add(id);
    return await actor.destroy(options);
  }

  async restart(id: KernelId, signal: AbortSignal, environ?: Environ): Promise<KernelRecord> {
    this.#assertGoingOn();
    const actor = this.#actors.get(id);
    if (!actor) throw notRunning(this.get(id));
    if (actor.record.unrecordedSince !== null) throw unrecorded(actor.record);
    this.#parts.engineGuard.assertOpen();
    // While its container still runs: without the image there would be no next one.
    await this.#assertImage(actor.record, signal);
    this.#assertGoingOn();
    this.#parts.hooks.beforeStop(actor.record);
    return await actor.restart(signal, environ);
  }

  async pause(id: KernelId, by: 'request' | 'idle'): Promise<KernelRecord> {
    return await this.#running(id).pause(by);
  }

  async resume(id: KernelId, signal: AbortSignal): Promise<KernelRecord> {
    return await this.#running(id).resume(signal);
  }

  /** One that may be asked for something; whether it runs its actor says. */
  #running(id: KernelId): KernelActor {
    this.#assertGoingOn();
    const actor = this.#actors.get(id);
    if (!actor) throw notRunning(this.get(id));
    this.#parts.engineGuard.assertOpen();
    return actor;
  }

  get(id: KernelId): KernelRecord {
    const record = this.#actors.get(id)?.record ?? this.#ended.get(id);
    if (record) return record;
    throw new KerneletError('KERNEL_NOT_FOUND', `no kernel ${id}`, { context: { kernel: id } });
  }

  resolve(text: string): KernelRecord {
    const live = this.list().map(({ spec }) => spec);
    try {
      return this.get(resolveKernelId(text, live));
    } catch (error) {
      if (!hasCode(error, 'KERNEL_NOT_FOUND')) throw error;
      // Of those of one name that of the last one is meant.
      const ended = this.#ended.records().map(({ spec }) => spec);
      return this.get(resolveKernelId(text, [...live, ...ended.toReversed()]));
    }
  }

  stuckOf(id: KernelId): Stuck | null {
    const actor = this.#actors.get(id);
    if (!actor) return null;
    const { runners, missingGraceMs, clock } = this.#parts;
    return stuckOf(actor.record, {
      work: actor.steady ? null : actor.work,
      failedTry: actor.failedTry,
      unreachableSince: runners.get(id)?.unreachableSince() ?? null,
      missingGraceMs,
      now: clock.now(),
    });
  }

  list(options?: { readonly ended: boolean }): readonly KernelRecord[] {
    const live = [...this.#actors.values()].map((actor) => actor.record);
    return options?.ended === true ? [...live, ...this.#ended.records()] : live;
  }

  unheldLimits(id: KernelId): readonly string[] {
    return this.#unheldLimits.of(id);
  }

  client(id: KernelId): RunnerClient {
    const record = this.get(id);
    const client = this.#parts.runners.get(id);
    if (record.phase === 'running' && record.missingSince !== null && !client?.connected()) throw missing(record);
    if (record.phase === 'running' && client) return client;
    throw notRunning(record);
  }

  register(hooks: KernelHooks): Disposable {
    return this.#parts.hooks.register(hooks);
  }

  async recover(signal: AbortSignal): Promise<RecoverySummary> {
    const parts = { ...this.#parts, unheldLimits: this.#unheldLimits };
    const summary = await adoptAll(parts, (record) => this.#add(record), signal);
    this.#isRecovered = true;
    await this.#networks.reconcilePrewarmed(signal);
    return summary;
  }

  watch(signal: AbortSignal): Promise<void> {
    return this.#watch.follow(signal);
  }

  async rescanDevices(signal: AbortSignal): Promise<void> {
    if (!this.#stopping) await rescanDevices({ ...this.#parts, actors: this.#actors }, signal);
  }

  async auditDevices(signal: AbortSignal): Promise<void> {
    if (this.#stopping || !this.#watch.healthy) return;
    const { engine, ownership } = this.#parts;
    const found = await listOwnedContainers(engine, ownership, this.list(), signal);
    await auditDevices({ ...this.#parts, actors: this.#actors }, found, signal);
  }

  async sweep(signal: AbortSignal): Promise<void> {
    if (this.#stopping) return;
    await this.#networks.keep(this.list(), signal);
    await this.#sweep.pass(signal);
    await this.#unheldLimits.retry((id) => this.#actors.get(id)?.record ?? null, signal);
    await this.#networks.reconcilePrewarmed(signal);
  }

  async pingEngine(signal: AbortSignal): Promise<void> {
    await this.#watch.ping(signal);
  }

  engineHealthy(): boolean {
    return this.#watch.healthy;
  }

  engineProblem(): KerneletError | null {
    return this.#parts.engineGuard.problem;
  }

  networkProblem(): string | null {
    return this.#networks.problem;
  }

  async acceptEngine(signal: AbortSignal): Promise<void> {
    await this.#parts.engineGuard.accept(signal);
  }

  /** Undoes creations under way, lets destructions end, within a bound; running containers are left running. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping = true;
    const endings = [...this.#actors.values()]
      .filter(({ record }) => record.phase === 'creating' || record.phase === 'terminating')
      .map((actor) => actor.destroy({ reason: 'agent-termination', force: true }));
    if (endings.length > 0) {
      const options = { what: 'the end of kernels', timeoutMs: stopMs, clock: this.#parts.clock };
      await withDeadline(options, () => Promise.allSettled(endings)).catch(() => {});
    }
    for (const actor of this.#actors.values()) actor.close();
    await Promise.allSettled(endings);
    await this.#parts.runners[Symbol.asyncDispose]();
  }

  #assertGoingOn(): void {
    if (this.#stopping) throw new KerneletError('SHUTTING_DOWN', 'the daemon is stopping');
  }

  /** Refuses only for what the kernel's own engine says: a restart waits for an engine that is away. */
  async #assertImage({ spec }: KernelRecord, signal: AbortSignal): Promise<void> {
    const { engine, engineGuard } = this.#parts;
    const bounded = AbortSignal.any([signal, AbortSignal.timeout(imageDeadlineMs)]);
    const problem = await engine.inspectImage(spec.image.id, bounded).then(
      () => null,
      (error: unknown) => error,
    );
    if (!hasCode(problem, 'IMAGE_NOT_FOUND')) return;
    const isItsEngine = await engineGuard.confirm(bounded).then(
      () => true,
      () => false,
    );
    if (isItsEngine) throw problem;
  }

  /**
   * Chooses among users that no living kernel and no home on the disk has. What is chosen is in use as soon as the kernel is
   * there, so it is to be called right before.
   */
  async #userChoice(): Promise<((spec: KernelSpec) => KernelSpec['user']) | null> {
    const { users, scratch, engineGuard } = this.#parts;
    const { info } = engineGuard;
    if (!users || !info) return null;
    const living = (): number[] => [...this.#actors.values()].map(({ record }) => record.spec.user.uid);
    // A kernel whose home comes to be kept meanwhile is among them.
    const before = living();
    const onDisk = await scratch.homeOwners((kernel) => this.#actors.has(kernel));
    return (spec) => users.userOf(spec, info, new Set([...before, ...onDisk, ...living()]));
  }

  /** Nothing is listed: an engine that was not found to be the right one proves itself by its mark. */
  #sight(): EngineSight {
    return { listed: new Set(), recorded: [...this.#actors.values()].map(({ record }) => record) };
  }

  #add(record: KernelRecord): KernelActor {
    const { containers, engine, hooks } = this.#parts;
    const parts: ActorParts = {
      ...this.#parts,
      setPaused: (now, isPaused, signal) => containers.setPaused(now, isPaused, signal),
      untilEnded: (id, signal) => engine.waitContainer(id, signal),
      removeOrphan: (id, generation) => containers.removeOrphan(id, generation, AbortSignal.timeout(orphanDeadlineMs)),
      hooks: {
        runnerOpened: (now, client) => hooks.runnerOpened(now, client),
        paused: (now) => hooks.paused(now),
        ended: (last) => {
          this.#actors.delete(last.spec.id);
          if (!this.#forgotten.delete(last.spec.id)) this.#ended.add(last);
          hooks.ended(last);
        },
      },
    };
    const actor = new KernelActor(record, parts);
    this.#actors.set(record.spec.id, actor);
    return actor;
  }
}

function missing({ spec, missingSince }: KernelRecord): KerneletError {
  const since = new Date(missingSince ?? 0).toISOString();
  const text = `the container engine has not listed the container of kernel ${spec.id} since ${since}, and its runner does not answer`;
  return new KerneletError('KERNEL_MISSING', text, { context: { kernel: spec.id } });
}

function unrecorded({ spec }: KernelRecord): KerneletError {
  const text = `kernel ${spec.id} is unrecorded: nobody knows what another container of it would be made with; take its files with \`kernelet download\``;
  return new KerneletError('NOT_SUPPORTED', text, { context: { kernel: spec.id } });
}

function notRunning(record: KernelRecord): KerneletError {
  const { spec, phase, termination } = record;
  const context = { kernel: spec.id, phase };
  if (termination)
    return new KerneletError('KERNEL_DIED', `kernel ${spec.id} has ended: ${termination.detail}`, { context });
  return new KerneletError('KERNEL_NOT_RUNNING', `kernel ${spec.id} is ${phase}`, { context });
}
