/**
 * Which runs of a kernel have been announced: each has one begin and one end, in this order, whichever news of it comes
 * first. A short run may be over before the reply to its request has been looked at.
 */
import type { RunId } from '../lib/ids.ts';

/** More runs than a runner keeps, so that none is announced twice after a reconnection. */
const maxRuns = 1024;

/** The announcements of one kernel's runs. */
export class RunAnnouncements {
  readonly #begun = new Set<RunId>();
  readonly #ended = new Set<RunId>();

  /** Whether the begin of the run is still to be announced; it counts as announced then. */
  begin(run: RunId): boolean {
    return remember(this.#begun, run);
  }

  /** Whether the end of the run is still to be announced; it counts as announced then. */
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
