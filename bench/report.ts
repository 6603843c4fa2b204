/** How figures stand against their budgets, and what is said of them. Pure. */
import type { Figure } from './measure.ts';
import { rounded } from './statistics.ts';

/** How a figure stands against its budget. */
export type Verdict = 'goal' | 'must' | 'missed';

/** A figure as it is reported. */
export type JudgedFigure = Figure & { readonly verdict: Verdict };

/** All figures by the ids of their budgets, and why budgets could not be measured. */
export interface Report {
  readonly results: Readonly<Record<string, readonly JudgedFigure[]>>;
  readonly failures: readonly string[];
}

/** Judges a figure by what was measured, and rounds it for people. What is no number misses everything. */
export function judge(figure: Figure): JudgedFigure {
  const within = (bound: number): boolean => (figure.larger ? figure.value >= bound : figure.value <= bound);
  const verdict = within(figure.goal) ? 'goal' : within(figure.must) ? 'must' : 'missed';
  const beside = Object.entries(figure.beside ?? {}).map(([name, value]) => [name, rounded(value)]);
  return {
    ...figure,
    value: rounded(figure.value),
    ...(figure.beside ? { beside: Object.fromEntries(beside) } : {}),
    verdict,
  };
}

/** One line for a figure. */
export function lineOf(id: string, figure: JudgedFigure): string {
  const bound = figure.larger ? '≥' : '≤';
  const words = { goal: 'goal reached', must: 'must kept', missed: 'MISSED' }[figure.verdict];
  const beside = Object.entries(figure.beside ?? {}).map(([name, value]) => `${name} ${value}`);
  const value = `${String(figure.value).padStart(7)} ${figure.unit.padEnd(4)}`;
  const budget = `must ${bound} ${figure.must}, goal ${bound} ${figure.goal}`;
  return `${id.padEnd(6)}${figure.name.padEnd(50)}${value}  ${budget}: ${words}${beside.length > 0 ? ` (${beside.join(', ')})` : ''}`;
}

export function summaryOf({ results, failures }: Report): string {
  const figures = Object.values(results).flat();
  const count = (verdict: Verdict): number => figures.filter((figure) => figure.verdict === verdict).length;
  const text = `${figures.length} figures: ${count('goal')} reach the goal, ${count('must')} keep the must, ${count('missed')} miss it`;
  return failures.length === 0 ? text : `${text}; not measured: ${failures.join('; ')}`;
}

/** Whether a gate lets this pass: every budget measured, no must missed. */
export function passes({ results, failures }: Report, wanted: ReadonlySet<string>): boolean {
  const measured = [...wanted].every((id) => (results[id]?.length ?? 0) > 0);
  const missed = Object.values(results)
    .flat()
    .some((figure) => figure.verdict === 'missed');
  return measured && !missed && failures.length === 0;
}
