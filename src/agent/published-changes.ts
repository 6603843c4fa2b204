/** What has been published of a kernel's runs and models, so that each change is published once. */
import type { RunId } from '../lib/ids.ts';
import type { ModelHealth } from '../protocol/kernel-models.ts';

/** More runs than a runner keeps, so that none is published twice after a reconnection. */
const maxRuns = 1024;

/**
 * The runs of one kernel: each has one begin and one end, in this order, whichever report of it comes first. A short run
 * may be over before the reply to its request has been looked at.
 */
export class PublishedRuns {
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

/** The health of one kernel's models. */
export class PublishedHealth {
  readonly #published = new Map<string, boolean>();

  /** What is new in what the runner says now; it counts as published then. A model of unknown health is not in it. */
  changes(models: readonly ModelHealth[]): readonly { readonly name: string; readonly healthy: boolean }[] {
    return models.flatMap(({ name, healthy }) => {
      if (healthy === null || this.#published.get(name) === healthy) return [];
      this.#published.set(name, healthy);
      return [{ name, healthy }];
    });
  }
}
