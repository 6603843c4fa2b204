/** What a measure is, and what it answers. */
import type { Stage } from './stage.ts';

/** A figure with its budget. Smaller is better unless `larger`. */
export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  readonly must: number;
  readonly goal: number;
  readonly larger?: boolean;
  /** What the figure is made of or stands beside, such as the bare thing in the same run, by name. */
  readonly beside?: Readonly<Record<string, number>>;
}

/** How many rounds there are: these, or in a brief run those, which is enough for ratios, not for times of rare calls. */
export type RoundCount = (full: number, brief: number) => number;

/** One or several budgets that are measured together. */
export interface Measure {
  /** Ids of the budgets (`P1`). */
  readonly ids: readonly string[];
  readonly title: string;
  /** Needs to see what the daemon asks of the engine. */
  readonly recorded?: boolean;
  /** Brings daemons of its own, members of a cluster. */
  readonly inCluster?: true;
  run(stage: Stage, rounds: RoundCount): Promise<Readonly<Record<string, readonly Figure[]>>>;
}
