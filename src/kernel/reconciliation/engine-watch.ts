/**
 * Follows the engine's events. They are hints only: after every connection everything is listed and what changed is
 * inspected, and why a container ended comes from its inspection, never from the event. A container that is not there
 * was removed where an event of this very engine reported its end; else it is missing, and its kernel ends when it stays
 * missing over a grace, seen twice at least, and its runner does not answer.
 */
import type { ContainerState, Engine, EngineEvent } from '../../engine/engine.ts';
import type { Clock } from '../../lib/clock.ts';
import { type Deadline, withDeadline } from '../../lib/deadline.ts';
import { describeDuration } from '../../lib/duration.ts';
import { hasCode } from '../../lib/errors.ts';
import type { ContainerId, KernelId } from '../../lib/ids.ts';
import type { Logger } from '../../lib/log.ts';
import { supervise } from '../../lib/retry.ts';
import type { KernelActor } from '../actor.ts';
import type { Ownership } from '../container/ownership.ts';
import type { KernelPause, KernelRecord } from '../record.ts';
import type { ContainerDeath } from '../state-machine.ts';
import type { BootNote } from './boot-note.ts';
import { containerIsAlive, type Ground, observeContainer } from './container-end.ts';
import type { EngineIdentityGuard } from './engine-identity-guard.ts';
import { type ListedContainer, listOwnedContainers } from './owned-containers.ts';
import { removedByOthers } from './recovered.ts';

/** What the watch works with. */
export interface WatchParts {
  readonly engine: Engine;
  readonly ownership: Ownership;
  readonly bootNote: Pick<BootNote, 'rebootedAt'>;
  readonly onEngineRestart: Ground['onEngineRestart'];
  readonly clock: Clock;
  readonly log: Logger;
  /** The actors of live kernels. */
  readonly actors: ReadonlyMap<KernelId, KernelActor>;
  /** Called after every connection, before anything is compared: the engine may have been restarted. */
  readonly onConnected: (signal: AbortSignal) => Promise<void>;
  readonly engineGuard: Pick<EngineIdentityGuard, 'check' | 'confirm' | 'doubt' | 'problem'>;
  /** How long a container may be missing; 0: the engine keeps none over its own end, so that what it does not list is gone. */
  readonly missingGraceMs: number;
  /** Whether the kernel's runner is connected, so that its container runs whatever is listed, and nobody has given it up. */
  readonly runnerAnswers: (record: KernelRecord) => boolean;
}

const observeDeadlineMs = 20_000;
/** An engine that is slower than this counts as one that does not answer. */
const listDeadlineMs = 10_000;
/** How long an engine that works may take to say that it is there. */
const pingMs = 1_500;
/** Pings in a row without an answer that make an engine count as one that does not answer: one may be late on a busy machine. */
const missedPings = 2;
/** Longest pause before a stream of events that ended is asked for anew. */
const againMs = 1_000;
/** How long before it took its last connection an engine that ends may have ended containers. */
const farewellMs = 2_000;

/** A container that is looked at, and whether an event was about it. */
interface Sighting {
  readonly id: ContainerId;
  readonly generation: number;
  event: boolean;
}

/** What is known of a kernel's pause when the engine is asked. */
interface KnownPause {
  readonly paused: KernelPause | null;
  /** Whether an image is being made of its container, for which an engine has it stand still. */
  readonly isCommitting: boolean;
}

/**
 * Containers that the engine does not list, and for how long, in monotonic milliseconds. The time counts only while this
 * process sees them missing: what an earlier process saw, or one engine before it went away, proves nothing of now.
 */
class MissingContainers {
  readonly #since = new Map<ContainerId, number>();

  /** Notes that a container is missing; answers for how long it is known to be, 0 at the first sight. */
  note(id: ContainerId, now: number): number {
    const since = this.#since.get(id);
    if (since === undefined) this.#since.set(id, now);
    return since === undefined ? 0 : now - since;
  }

  has(id: ContainerId): boolean {
    return this.#since.has(id);
  }

  forget(id: ContainerId): void {
    this.#since.delete(id);
  }

  /** Nothing that was seen counts any more. */
  clear(): void {
    this.#since.clear();
  }

  /** Forgets containers that are no kernel's any more. */
  keepOnly(ids: ReadonlySet<ContainerId | null>): void {
    for (const id of this.#since.keys()) if (!ids.has(id)) this.#since.delete(id);
  }
}

/** The watch over one engine. */
export class EngineWatch {
  readonly #parts: WatchParts;
  readonly #observing = new Map<ContainerId, Sighting>();
  /** Whether its events can be followed, and whether it answered the last listing: an engine may hang and stay open. */
  #connected = true;
  #answering = true;
  /** Pings without an answer since the last one that had one. */
  #missedPings = 0;
  readonly #missing = new MissingContainers();
  /**
   * Why containers have ended, as it was first seen: an end that cannot be recorded, as on a full disk, is looked at again, and what has
   * befallen the engine since is no reason for it.
   */
  readonly #deaths = new Map<ContainerId, ContainerDeath>();
  /** When it took a connection last, in milliseconds since the epoch; null = never in this process. */
  #answeredAt: number | null = null;
  /** The same, of the time before its events broke off last: one that ends takes none, and tells what it ends for some seconds. */
  #followedUntil: number | null = null;
  /** Whether everything was compared since the last connection, or was taken over. */
  #hasCompared = true;

  constructor(parts: WatchParts) {
    this.#parts = parts;
  }

  /** Whether the engine answered last, and is the one that has the kernels. */
  get healthy(): boolean {
    const isThere = this.#connected && this.#answering && this.#missedPings < missedPings;
    return isThere && this.#parts.engineGuard.problem === null;
  }

  /** Asks the engine whether it is there, within seconds, so that nobody takes one that hangs for healthy. Never rejects. */
  async ping(signal: AbortSignal): Promise<void> {
    const { engine, clock, log } = this.#parts;
    try {
      const options = { what: "the engine's answer to a ping", timeoutMs: pingMs, clock, signal };
      await withDeadline(options, (deadline) => engine.ping(deadline.signal));
      if (this.#missedPings >= missedPings) log.info('the engine answers again');
      this.#missedPings = 0;
    } catch (error) {
      if (signal.aborted) return;
      this.#missedPings += 1;
      if (this.#missedPings === missedPings) log.warn('the engine does not answer pings', { error });
    }
  }

  /** Follows events until the signal aborts. Never rejects. */
  async follow(signal: AbortSignal): Promise<void> {
    const { engine, clock, log } = this.#parts;
    const work = { what: "following the engine's events", clock, log, signal, maxPauseMs: againMs };
    await supervise(work, async () => {
      for await (const event of engine.events(signal)) await this.#take(event, signal);
    });
  }

  /** Compares every running kernel with its container. Throws ENGINE_CHANGED, and what the engine throws. */
  async compare(signal: AbortSignal): Promise<void> {
    const { running, containers } = await this.#verify(signal);
    const alive = new Map(
      containers.filter(({ state }) => containerIsAlive(state)).map(({ containerId, state }) => [containerId, state]),
    );
    await Promise.all([...running].map(([actor, before]) => this.#compareOne(actor, { before, alive }, signal)));
    const recorded = new Set([...this.#parts.actors.values()].map(({ record }) => record.containerId));
    this.#missing.keepOnly(recorded);
    for (const id of this.#deaths.keys()) if (!recorded.has(id)) this.#deaths.delete(id);
    this.#hasCompared = true;
  }

  /** Lists what there is, with the kernels that ran before, and makes sure of the engine. Throws as `compare` does. */
  async #verify(signal: AbortSignal) {
    const { actors, engineGuard } = this.#parts;
    // Only kernels that ran before the listing: a container made after it is not in it.
    const running = new Map(
      [...actors.values()]
        .filter((actor) => actor.record.phase === 'running' && actor.steady)
        .map((actor) => [actor, this.#knownPause(actor)]),
    );
    const recorded = [...actors.values()].map(({ record }) => record);
    const containers = await this.#list(recorded, signal);
    try {
      const listed = new Set(containers.map(({ containerId }) => containerId));
      // Also without kernels: the mark is to be there before the next one is made.
      await engineGuard.check({ listed, recorded }, signal);
    } catch (error) {
      // They are with the other engine, and no time runs for them.
      this.#missing.clear();
      if (hasCode(error, 'ENGINE_CHANGED')) for (const actor of running.keys()) postMissing(actor);
      throw error;
    }
    return { running, containers };
  }

  /** Inspects a container that an event was about, and posts to its actor what became of it. Never rejects. */
  async observe(actor: KernelActor, id: ContainerId, generation: number, signal: AbortSignal): Promise<void> {
    await this.#observe(actor, { id, generation, event: true }, signal);
  }

  async #compareOne(
    actor: KernelActor,
    { before, alive }: { readonly before: KnownPause; readonly alive: ReadonlyMap<ContainerId, ContainerState> },
    signal: AbortSignal,
  ): Promise<void> {
    const { containerId: id, generation } = actor.record;
    if (id === null) return;
    const state = alive.get(id);
    if (state) this.#postFound(actor, id, { before, isPaused: state === 'paused' });
    else await this.#observe(actor, { id, generation, event: false }, signal);
  }

  async #observe(actor: KernelActor, sighting: Sighting, signal: AbortSignal): Promise<void> {
    const { id } = sighting;
    const underWay = this.#observing.get(id);
    if (underWay) {
      underWay.event ||= sighting.event;
      return;
    }
    this.#observing.set(id, sighting);
    try {
      const options = { what: 'inspecting a container', timeoutMs: observeDeadlineMs, signal };
      await withDeadline(options, (deadline) => this.#inspect(actor, sighting, deadline));
    } catch (error) {
      if (!signal.aborted) this.#parts.log.warn('a container could not be inspected', { container: id, error });
    } finally {
      this.#observing.delete(id);
    }
  }

  async #inspect(actor: KernelActor, sighting: Sighting, deadline: Deadline): Promise<void> {
    const { engine, engineGuard, bootNote, onEngineRestart } = this.#parts;
    const { id, generation } = sighting;
    const ranUntil = this.#followedUntil === null ? null : this.#followedUntil - farewellMs;
    const ground = { bootedAt: await bootNote.rebootedAt(), ranUntil, onEngineRestart };
    const before = this.#knownPause(actor);
    const observation = await observeContainer(engine, id, ground, deadline.signal);
    switch (observation.type) {
      case 'alive':
        return this.#postFound(actor, id, { before, isPaused: observation.isPaused });
      case 'dead': {
        const death = this.#deaths.get(id) ?? observation;
        this.#deaths.set(id, death);
        actor.post({ ...death, type: 'container-died', containerId: id, generation });
        return;
      }
      case 'removed':
        actor.post({ type: 'container-gone', containerId: id, generation, detail: removedByOthers });
        return;
      case 'absent':
        // Whoever answers now may be another engine than the one whose event it was, or that was listed.
        await engineGuard.confirm(deadline.signal);
        if (sighting.event)
          actor.post({ type: 'container-gone', containerId: id, generation, detail: removedByOthers });
        else this.#noteMissing(actor, id, generation);
    }
  }

  #postFound(
    actor: KernelActor,
    id: ContainerId,
    { before, isPaused }: { readonly before: KnownPause; readonly isPaused: boolean },
  ): void {
    this.#missing.forget(id);
    this.#deaths.delete(id);
    // What it is beside that the next look says.
    if (before.isCommitting || this.#parts.engine.isCommitting(id)) return;
    const { missingSince, paused } = actor.record;
    const isKnown = isPaused ? paused?.confirmed === true : paused === null;
    if (missingSince === null && isKnown) return;
    actor.post({ type: 'container-found', containerId: id, isPaused, before: before.paused });
  }

  #knownPause({ record: { containerId, paused } }: KernelActor): KnownPause {
    return { paused, isCommitting: containerId !== null && this.#parts.engine.isCommitting(containerId) };
  }

  #noteMissing(actor: KernelActor, id: ContainerId, generation: number): void {
    const { clock, missingGraceMs, runnerAnswers, log } = this.#parts;
    const isFirst = !this.#missing.has(id);
    const missingMs = this.#missing.note(id, clock.monotonic());
    if (isFirst) {
      const facts = { kernel: actor.record.spec.id, container: id, graceMs: missingGraceMs };
      log.warn('the engine does not list the container of a kernel, which is missing now', facts);
      postMissing(actor);
    } else if (missingMs >= missingGraceMs && (missingGraceMs === 0 || !runnerAnswers(actor.record))) {
      const time = describeDuration(missingMs);
      const detail = `the engine, which is the one that had its container, has not listed it for ${time}`;
      actor.post({ type: 'container-gone', containerId: id, generation, detail });
    }
  }

  async #list(records: readonly KernelRecord[], signal: AbortSignal): Promise<readonly ListedContainer[]> {
    const { engine, ownership, log } = this.#parts;
    try {
      const options = { what: 'listing the containers', timeoutMs: listDeadlineMs, signal };
      const found = await withDeadline(options, async ({ signal: bounded }) => {
        await engine.ping(bounded);
        return await listOwnedContainers(engine, ownership, records, bounded);
      });
      this.#answering = true;
      this.#answeredAt = this.#parts.clock.now();
      return found;
    } catch (error) {
      if (this.#answering && !signal.aborted) log.warn('the engine cannot list its containers', { error });
      if (!signal.aborted) this.#answering = false;
      throw error;
    }
  }

  async #take(event: EngineEvent, signal: AbortSignal): Promise<void> {
    const { actors, engineGuard, log, onConnected, ownership } = this.#parts;
    const warn = (error: unknown): void => {
      if (!signal.aborted && !hasCode(error, 'ENGINE_CHANGED')) log.warn('the engine could not be listed', { error });
    };
    switch (event.type) {
      case 'connected':
        this.#connected = true;
        this.#hasCompared = false;
        // It may be another one, or the same without its data: before that is known nobody does anything.
        engineGuard.doubt();
        await this.#verify(signal).catch(warn);
        for (const actor of actors.values()) actor.post({ type: 'engine-back' });
        await onConnected(signal);
        await this.compare(signal).catch(warn);
        return;
      case 'disconnected':
        if (signal.aborted) return;
        this.#connected = false;
        // An end that came before the last connection may have been seen by nobody yet.
        if (this.#hasCompared) this.#followedUntil = this.#answeredAt;
        engineGuard.doubt();
        // An engine that has just come back gets the whole grace.
        this.#missing.clear();
        log.warn('the engine does not answer', { error: event.error });
        return;
      case 'container': {
        if (!telling.has(event.action)) return;
        const owned = ownership.identify(event, (kernel) => actors.get(kernel)?.record);
        const actor = owned && actors.get(owned.kernelId);
        if (!owned || !actor || isExpected(actor, owned.containerId)) return;
        // Beside the loop: one slow inspection must not hold back other hints.
        void this.observe(actor, owned.containerId, owned.generation, signal);
      }
    }
  }
}

function postMissing(actor: KernelActor): void {
  const { containerId, generation } = actor.record;
  if (containerId !== null) actor.post({ type: 'container-missing', containerId, generation });
}

/** What may have become of a container after which it is looked at. */
const telling: ReadonlySet<string> = new Set(['died', 'destroyed', 'paused', 'resumed']);

/** Whether the kernel is ending its container itself. */
function isExpected(actor: KernelActor, id: ContainerId): boolean {
  return actor.record.phase === 'terminating' && actor.record.containerId === id;
}
