/** Which run of a kernel a text stands for. Pure. */
import { KerneletError } from '../lib/errors.ts';
import type { RunSummary } from '../protocol/run-event.ts';

/** Characters of an id that stand for it. */
const leastPrefix = 4;

type NamedRun<Id extends string> = Pick<RunSummary, 'name' | 'phase'> & { readonly run: Id };

/**
 * The run of this id; of this name, one that has not ended before those that have, the newest of them first; or the only one whose
 * id begins so. null: there is none. Throws AMBIGUOUS_ID.
 */
export function runNamed<Id extends string>(text: string, runs: readonly NamedRun<Id>[]): Id | null {
  const same = runs.find(({ run }) => run === text);
  if (same) return same.run;
  const named = runs.filter(({ name }) => name === text);
  const found = named.find(({ phase }) => phase !== 'finished') ?? named.at(-1);
  if (found) return found.run;
  const begun = text.length < leastPrefix ? [] : runs.filter(({ run }) => run.startsWith(text));
  if (begun.length > 1) throw new KerneletError('AMBIGUOUS_ID', `${begun.length} runs begin with ${text}`);
  return begun[0]?.run ?? null;
}
