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
}

/** One or several budgets that are measured together. */
export interface Measure {
  /** Ids of the budgets (`P1`). */
  readonly ids: readonly string[];
  readonly title: string;
  run(stage: Stage): Promise<Readonly<Record<string, readonly Figure[]>>>;
}

/** How a figure stands against its budget. */
export type Verdict = 'goal' | 'must' | 'missed';

/** Judges a figure. */
export function verdict(figure: Figure): Verdict {
  const within = (bound: number): boolean => (figure.larger ? figure.value >= bound : figure.value <= bound);
  if (within(figure.goal)) return 'goal';
  return within(figure.must) ? 'must' : 'missed';
}
