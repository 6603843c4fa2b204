/**
 * Containers that the engine does not list, and for how long. The time counts only while this process sees them missing: what
 * an earlier process saw, or one engine before it went away, proves nothing of now. Pure; times are monotonic milliseconds.
 */
import type { ContainerId } from '../lib/ids.ts';

/** The sightings. */
export class MissingContainers {
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

  /** It is there. */
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
