/** What the agent knows of a runner's runs: where each stands, and which the runner has dropped since. */
import type { RunId } from '../lib/ids.ts';
import type { NumberedRunEvent, RunSummary } from '../wire/run-event.ts';

/** Runs that are remembered; a runner that invents more loses the oldest. */
const mostRuns = 2000;
/** Finished runs whose end was taken: kept so that a reader that comes back learns that it has everything. */
const mostTaken = 100;

/** The known runs. */
export class RunBook {
  readonly #runs = new Map<RunId, RunSummary>();
  readonly #taken = new Set<RunId>();

  /** Where a run stands; undefined when the runner has never said so. */
  get(run: RunId): RunSummary | undefined {
    return this.#runs.get(run);
  }

  /** Whether a reader has taken the run's end: the runner keeps nothing of it. */
  isTaken(run: RunId): boolean {
    return this.#taken.has(run);
  }

  /** All of them, oldest first. */
  list(): readonly RunSummary[] {
    return [...this.#runs.values()];
  }

  /** The runner has greeted with all the runs that it has. */
  replace(runs: readonly RunSummary[]): void {
    for (const run of [...this.#runs.keys()]) if (!this.#taken.has(run)) this.#runs.delete(run);
    for (const summary of runs) this.update(summary);
  }

  /** The runner says where a run stands. */
  update(summary: RunSummary): void {
    if (this.#taken.has(summary.run)) return;
    this.#runs.set(summary.run, summary);
    if (this.#runs.size > mostRuns) this.#drop(this.#oldest());
  }

  /** The runner has accepted a run; its first summary may come later. */
  accepted(run: RunId): void {
    if (this.#runs.has(run)) return;
    this.update({ run, phase: 'queued', last: 0, oldest: 1, exitCode: null, reason: null });
  }

  /** An event of a run has arrived. */
  received(run: RunId, { n, event }: NumberedRunEvent): void {
    const summary = this.#runs.get(run);
    if (!summary || summary.last > n) return;
    const end = event.kind === 'finished' ? { ...event, phase: event.kind } : summary;
    const { phase, exitCode, reason } = end;
    this.#runs.set(run, { ...summary, last: n, phase, exitCode, reason });
  }

  /** A reader has taken the last event of a run. */
  taken(run: RunId): void {
    const summary = this.#runs.get(run);
    if (!summary) return;
    this.#runs.set(run, { ...summary, oldest: summary.last + 1 });
    this.#taken.add(run);
    const [first] = this.#taken;
    if (this.#taken.size > mostTaken && first !== undefined) this.#drop(first);
  }

  /** The runner was told to forget a run. */
  forget(run: RunId): void {
    this.#drop(run);
  }

  #drop(run: RunId | undefined): void {
    if (run === undefined) return;
    this.#runs.delete(run);
    this.#taken.delete(run);
  }

  /** The one to lose: a finished one before one that goes on. */
  #oldest(): RunId | undefined {
    for (const summary of this.#runs.values()) if (summary.phase === 'finished') return summary.run;
    return this.#runs.keys().next().value;
  }
}
