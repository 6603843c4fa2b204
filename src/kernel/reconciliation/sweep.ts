/**
 * Looks for what may have been left behind. It acts only on what is provably ours, on a fact that it saw twice with a
 * grace period between, never on a kernel in transition, and never while the engine is unhealthy: "not in my records"
 * alone means nothing. A record that was put aside may yet be repaired, so what belongs to its kernel stays.
 */
import type { EventSink } from '../../events/kernel-event.ts';
import type { Clock } from '../../lib/clock.ts';
import type { ContainerId, KernelId } from '../../lib/ids.ts';
import type { Logger } from '../../lib/log.ts';
import type { ScratchFolders } from '../../storage/scratch.ts';
import type { KernelActor } from '../actor.ts';
import type { KernelContainers } from '../container/kernel-containers.ts';
import type { Ownership } from '../container/ownership.ts';
import type { InvariantViolations } from '../invariant-violations.ts';
import type { Journal } from '../journal.ts';
import type { EngineWatch } from './engine-watch.ts';
import { type ListedContainer, listOwnedContainers } from './owned-containers.ts';

/** What the sweep works with. */
export interface SweepParts {
  readonly containers: KernelContainers;
  readonly ownership: Ownership;
  readonly scratch: ScratchFolders;
  readonly journal: Pick<Journal, 'putAside'>;
  readonly watch: EngineWatch;
  readonly actors: ReadonlyMap<KernelId, KernelActor>;
  readonly events: Pick<EventSink, 'hasEnded' | 'publish'>;
  readonly invariantViolations: InvariantViolations;
  readonly clock: Clock;
  readonly log: Logger;
  /** The least time between the two sightings. */
  readonly graceMs: number;
  /** The least age of a scratch folder that belongs to nothing. */
  readonly orphanAgeMs: number;
}

/** What is to be done about a container, from what is known of its kernel. Pure. */
export function judge(container: ListedContainer, actor: Pick<KernelActor, 'record' | 'steady'> | undefined) {
  if (!actor) return 'suspect' as const;
  const { record, steady } = actor;
  if (record.phase !== 'running' || !steady || record.containerId === container.containerId) return 'fine' as const;
  return container.generation > record.generation ? ('newer' as const) : ('suspect' as const);
}

/** Removes what belongs to no kernel: containers seen twice across the grace, and folders that are old. */
export class Sweep {
  readonly #parts: SweepParts;
  /** When each suspect was first seen. */
  #suspects = new Map<ContainerId, number>();
  #running = false;

  constructor(parts: SweepParts) {
    this.#parts = parts;
  }

  /** One pass; a pass that is still going on makes this one do nothing. Throws what the engine throws. */
  async pass(signal: AbortSignal): Promise<void> {
    if (this.#running) return;
    this.#running = true;
    try {
      await this.#parts.watch.compare(signal);
      if (!this.#parts.watch.healthy) return;
      const kept = await this.#parts.journal.putAside();
      const inUse = await this.#containers(kept, signal);
      await this.#scratch(new Set([...kept, ...inUse]));
    } finally {
      this.#running = false;
    }
  }

  /** Answers the kernels that may have a container still. */
  async #containers(kept: ReadonlySet<KernelId>, signal: AbortSignal): Promise<ReadonlySet<KernelId>> {
    const { containers, ownership, actors, invariantViolations, clock, graceMs } = this.#parts;
    const seen = new Map<ContainerId, number>();
    const records = [...actors.values()].map(({ record }) => record);
    const found = await listOwnedContainers(containers.engine, ownership, records, signal);
    for (const container of found) {
      const verdict = judge(container, actors.get(container.kernelId));
      if (verdict === 'newer') invariantViolations.count('newer-generation');
      if (verdict !== 'suspect' || kept.has(container.kernelId)) continue;
      const since = this.#suspects.get(container.containerId);
      const due = since !== undefined && clock.monotonic() - since >= graceMs;
      // What cannot be removed is tried again, and keeps nothing else from being.
      if (!due || !(await this.#remove(container, signal))) {
        seen.set(container.containerId, since ?? clock.monotonic());
      }
    }
    this.#suspects = seen;
    return new Set(found.map(({ kernelId }) => kernelId));
  }

  /** Answers whether it could be removed. */
  async #remove(container: ListedContainer, signal: AbortSignal): Promise<boolean> {
    const { containers, actors, events, invariantViolations, log } = this.#parts;
    const { containerId, kernelId, sessionId, generation } = container;
    log.warn('a container that belongs to no kernel is removed', { container: containerId, kernel: kernelId });
    try {
      await containers.removeOrphan(containerId, generation, signal);
    } catch (error) {
      signal.throwIfAborted();
      log.warn('a container that belongs to no kernel could not be removed', { container: containerId, error });
      return false;
    }
    invariantViolations.count('swept-container');
    // One that came to be after its kernel had ended is no second end.
    if (actors.has(kernelId) || events.hasEnded(kernelId)) return true;
    const detail = 'its record was lost, so its container was removed';
    events.publish({ type: 'kernel-terminated', kernelId, sessionId, reason: 'abandoned', exitCode: null, detail });
    return true;
  }

  /** A folder is in use while a container may be, or its kernel's record lies aside. */
  async #scratch(inUse: ReadonlySet<KernelId>): Promise<void> {
    const { scratch, actors, clock, orphanAgeMs, log } = this.#parts;
    for (const { kernel, changedAt } of await scratch.list()) {
      if (actors.has(kernel) || inUse.has(kernel) || clock.now() - changedAt < orphanAgeMs) continue;
      log.warn('a scratch folder that belongs to no kernel is taken away', { kernel });
      await scratch.keep(kernel, '');
    }
    scratch.tidy();
  }
}
