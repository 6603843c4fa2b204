/**
 * What the agent knows of a runner's runs: which were asked for, where each stands, and which the runner has dropped since.
 */
import type { RunId } from '../lib/ids.ts';
import { type RunDescription, undescribed } from '../protocol/run-description.ts';
import type { NumberedRunEvent, RunSummary } from '../protocol/run-event.ts';

/** Runs that are remembered; a runner that invents more loses the oldest. */
const maxRuns = 2000;
/** Finished runs that are remembered, so that a reader that comes back learns that it has everything. */
const maxFinished = 100;

/** Runs that are remembered to have been asked for: more than a runner has at once. */
const maxAsked = 4096;

/** Where each known run stands, within a bound of number. */
export class RunIndex {
  readonly #runs = new Map<RunId, RunSummary>();
  readonly #finished = new Set<RunId>();
  /** Finished runs of which the runner keeps nothing. */
  readonly #gone = new Set<RunId>();
  /** A runner begins none by itself. */
  readonly #asked = new Set<RunId>();

  /** Where a run stands; undefined when the runner has never said so. */
  get(run: RunId): RunSummary | undefined {
    return this.#runs.get(run);
  }

  /** Somebody asks the runner for this run, whether it takes it or not. */
  ask(run: RunId): void {
    this.#asked.delete(run);
    this.#asked.add(run);
    const [oldest] = this.#asked;
    if (this.#asked.size > maxAsked && oldest) this.#asked.delete(oldest);
  }

  /** Whether the runner may speak of this run: what else it speaks of, a tenant has invented. */
  wasAsked(run: RunId): boolean {
    return this.#asked.has(run) || this.#runs.has(run);
  }

  /** Whether the runner keeps nothing of this run, as far as is known: it drops finished ones without a word. */
  isGone(run: RunId): boolean {
    return this.#gone.has(run) || !this.#runs.has(run);
  }

  /** All of them, oldest first. */
  list(): readonly RunSummary[] {
    return [...this.#runs.values()];
  }

  /** The runner has greeted with all the runs that it has. */
  replace(runs: readonly RunSummary[]): void {
    for (const { run, phase } of [...this.#runs.values()]) {
      if (phase === 'finished') this.#gone.add(run);
      else this.forget(run);
    }
    for (const summary of runs) this.update(summary);
  }

  /** The runner says where a run stands. */
  update(summary: RunSummary): void {
    this.#gone.delete(summary.run);
    this.#set(summary);
  }

  /** The runner has accepted a run; its first summary may come later. */
  accepted(run: RunId, description: RunDescription = undescribed): void {
    if (this.#runs.has(run)) return;
    this.update({ ...description, run, phase: 'queued', last: 0, oldest: 1, exitCode: null, reason: null });
  }

  /** An event of a run has arrived. */
  received(run: RunId, { n, event }: NumberedRunEvent): void {
    const summary = this.#runs.get(run);
    if (!summary || summary.last > n) return;
    const end = event.kind === 'finished' ? { ...event, phase: event.kind } : summary;
    const { phase, exitCode, reason } = end;
    this.#set({ ...summary, last: n, phase, exitCode, reason });
  }

  /** A finished run turned out to be dropped by the runner. */
  gone(run: RunId): void {
    if (this.#finished.has(run)) this.#gone.add(run);
    else this.forget(run);
  }

  /** Nothing of a run is to be known any more. */
  forget(run: RunId): void {
    this.#runs.delete(run);
    this.#finished.delete(run);
    this.#gone.delete(run);
  }

  #set(summary: RunSummary): void {
    const { run } = summary;
    this.#runs.set(run, summary);
    if (summary.phase === 'finished') this.#finished.add(run);
    const [firstFinished] = this.#finished;
    const [first] = this.#runs.keys();
    if (this.#finished.size > maxFinished && firstFinished) this.forget(firstFinished);
    else if (this.#runs.size > maxRuns && first) this.forget(first);
  }
}
