/**
 * Follows the engine's events. They are hints only: after every connection everything is listed and what changed is
 * inspected, and why a container ended comes from its inspection, never from the event.
 */
import type { Engine, EngineEvent } from '../engine/engine.ts';
import { type Clock, sleep } from '../lib/clock.ts';
import { type Deadline, withDeadline } from '../lib/deadline.ts';
import type { ContainerId, KernelId } from '../lib/ids.ts';
import type { Logger } from '../lib/log.ts';
import type { KernelActor } from './actor.ts';
import { containerIsAlive, findOut } from './container-end.ts';
import type { Ownership } from './ownership.ts';
import { type ListedContainer, listOwnedContainers } from './recovery.ts';

/** What the watch works with. */
export interface WatchParts {
  readonly engine: Engine;
  readonly ownership: Ownership;
  readonly clock: Clock;
  readonly log: Logger;
  /** The actors of live kernels. */
  readonly actors: ReadonlyMap<KernelId, KernelActor>;
  /** Called after every connection, before anything is compared: the engine may have been restarted. */
  readonly onConnected: (signal: AbortSignal) => Promise<void>;
}

const lookDeadlineMs = 20_000;
/** An engine that is slower than this counts as one that does not answer. */
const listDeadlineMs = 10_000;
/** Pause before a stream of events that ended is asked for anew. */
const againMs = 1_000;

/** The watch over one engine. */
export class EngineWatch {
  readonly #parts: WatchParts;
  readonly #looking = new Set<ContainerId>();
  /** Whether its events can be followed, and whether it answered the last listing: an engine may hang and stay open. */
  #connected = true;
  #answering = true;

  constructor(parts: WatchParts) {
    this.#parts = parts;
  }

  /** Whether the engine answered last. */
  get healthy(): boolean {
    return this.#connected && this.#answering;
  }

  /** Follows events until the signal aborts. Never rejects. */
  async follow(signal: AbortSignal): Promise<void> {
    const { engine, clock, log } = this.#parts;
    while (!signal.aborted) {
      try {
        for await (const event of engine.events(signal)) await this.#take(event, signal);
      } catch (error) {
        if (!signal.aborted) log.warn("the engine's events ended", { error });
      }
      await sleep(clock, againMs, signal).catch(() => {});
    }
  }

  /** Compares every running kernel with its container. Throws what the engine throws. */
  async compare(signal: AbortSignal): Promise<void> {
    const { actors } = this.#parts;
    // Only kernels that ran before the listing: a container made after it is not in it.
    const running = [...actors.values()].filter((actor) => actor.record.phase === 'running' && actor.steady);
    const alive = new Set(
      (await this.#list(signal)).filter(({ state }) => containerIsAlive(state)).map(({ containerId }) => containerId),
    );
    const changed = running.filter(({ record }) => record.containerId === null || !alive.has(record.containerId));
    await Promise.all(
      changed.map(async (actor) => {
        const { containerId, generation } = actor.record;
        if (containerId !== null) await this.look(actor, containerId, generation, signal);
      }),
    );
  }

  /** Inspects a container and tells its actor what became of it. Never rejects. */
  async look(actor: KernelActor, id: ContainerId, generation: number, signal: AbortSignal): Promise<void> {
    if (this.#looking.has(id)) return;
    this.#looking.add(id);
    try {
      const options = { what: 'looking at a container', timeoutMs: lookDeadlineMs, signal };
      await withDeadline(options, (deadline) => this.#inspect(actor, id, generation, deadline));
    } catch (error) {
      if (!signal.aborted) this.#parts.log.warn('a container could not be looked at', { container: id, error });
    } finally {
      this.#looking.delete(id);
    }
  }

  async #inspect(actor: KernelActor, id: ContainerId, generation: number, deadline: Deadline): Promise<void> {
    const finding = await findOut(this.#parts.engine, id, deadline.signal);
    if (finding.as === 'absent') actor.post({ type: 'container-gone', containerId: id, generation });
    if (finding.as !== 'dead') return;
    const { exitCode, outOfMemory, detail } = finding;
    actor.post({ type: 'container-died', containerId: id, generation, exitCode, outOfMemory, detail });
  }

  async #list(signal: AbortSignal): Promise<readonly ListedContainer[]> {
    const { engine, ownership, log } = this.#parts;
    try {
      const options = { what: 'listing the containers', timeoutMs: listDeadlineMs, signal };
      const found = await withDeadline(options, (deadline) => listOwnedContainers(engine, ownership, deadline.signal));
      this.#answering = true;
      return found;
    } catch (error) {
      if (this.#answering && !signal.aborted) log.warn('the engine cannot list its containers', { error });
      if (!signal.aborted) this.#answering = false;
      throw error;
    }
  }

  async #take(event: EngineEvent, signal: AbortSignal): Promise<void> {
    const { actors, log, onConnected, ownership } = this.#parts;
    switch (event.type) {
      case 'connected':
        this.#connected = true;
        for (const actor of actors.values()) actor.post({ type: 'engine-back' });
        await onConnected(signal);
        await this.compare(signal).catch((error: unknown) => {
          if (!signal.aborted) log.warn('the engine could not be listed', { error });
        });
        return;
      case 'disconnected':
        if (signal.aborted) return;
        this.#connected = false;
        for (const actor of actors.values()) actor.post({ type: 'engine-lost' });
        log.warn('the engine does not answer', { error: event.error });
        return;
      case 'container': {
        if (event.action !== 'died' && event.action !== 'destroyed') return;
        const owned = ownership.identify(event);
        const actor = owned && actors.get(owned.kernelId);
        if (!owned || !actor || isExpected(actor, owned.containerId)) return;
        // Beside the loop: one slow inspection must not hold back other hints.
        void this.look(actor, owned.containerId, owned.generation, signal);
      }
    }
  }
}

/** Whether the kernel is ending its container itself. */
function isExpected(actor: KernelActor, id: ContainerId): boolean {
  return actor.record.phase === 'terminating' && actor.record.containerId === id;
}
