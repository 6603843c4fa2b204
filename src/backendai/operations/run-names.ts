/**
 * Managers pass on any text as the id of a run, and their clients may use one text for run after run. A runner takes ids
 * of one form, each for one run. Pure.
 */
import { createHash } from 'node:crypto';
import { KerneletError } from '../../lib/errors.ts';
import { isRunId, type RunId } from '../../lib/ids.ts';
import type { RunSummary } from '../../protocol/run-event.ts';

/** Characters of a name. */
const maxName = 1024;

/** The id of the first run of this name: the name itself where it is an id. Throws INVALID_ARGUMENT for a huge name. */
export function firstRunId(name: string): RunId {
  if (name.length > maxName) {
    throw new KerneletError('INVALID_ARGUMENT', `the run id is longer than ${maxName} characters`);
  }
  return isRunId(name) ? name : (`named-${digest(name)}` as RunId);
}

/** An id for another run of this name, begun at `now`, in milliseconds since the epoch. */
export function laterRunId(name: string, now: number): RunId {
  return `${laterPrefix(name)}${now.toString(36).padStart(10, '0')}` as RunId;
}

/** Which of these runs the name stands for: the newest one, or the first when there is none of it. */
export function newestRunId(name: string, runs: readonly RunSummary[]): RunId {
  const first = firstRunId(name);
  const prefix = laterPrefix(name);
  const own = runs.filter(({ run }) => run === first || run.startsWith(prefix));
  const candidates = own.some(isUnfinished) ? own.filter(isUnfinished) : own;
  const later = candidates.map(({ run }) => run).filter((run) => run !== first);
  return later.toSorted().at(-1) ?? first;
}

const laterPrefix = (name: string): string => `again-${digest(name)}-`;
const digest = (name: string): string => createHash('sha256').update(name).digest('hex').slice(0, 32);
const isUnfinished = ({ phase }: RunSummary): boolean => phase !== 'finished';
