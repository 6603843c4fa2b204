/** The command line of the benchmarks. Pure. */
import { parseArgs } from 'node:util';

export interface BenchOptions {
  /** Ids of the budgets to measure, in upper case. */
  readonly wanted: ReadonlySet<string>;
  /** Whether that is all of them. */
  readonly complete: boolean;
  /** Where the figures go; null = a complete run goes to the folder of results, a part nowhere. */
  readonly file: string | null;
  /** Status 1 when a must is missed or a budget could not be measured. */
  readonly gate: boolean;
  /** Leaves a private engine running. */
  readonly keep: boolean;
  /** Leaves out the parts of budgets that members of clusters are measured for. */
  readonly alone: boolean;
  readonly brief: boolean;
}

/** A command line that makes no sense, in one sentence. */
export class UsageError extends Error {}

/** Reads the command line; `known` are the budgets that there are. Throws UsageError. */
export function parseOptions(argv: readonly string[], known: readonly string[]): BenchOptions {
  const values = parse(argv);
  const wanted = new Set(values.only === undefined ? known : namesOf(values.only));
  const unknown = [...wanted].filter((id) => !known.includes(id));
  if (unknown.length > 0)
    throw new UsageError(`no budget ${unknown.join(', ')} is measured; there are ${known.join(', ')}`);
  if (wanted.size === 0) throw new UsageError('--only names no budget');
  return {
    wanted,
    complete: wanted.size === new Set(known).size && !values.alone && !values.brief,
    file: values.json ?? null,
    gate: values.gate,
    keep: values.keep,
    alone: values.alone,
    brief: values.brief,
  };
}

const namesOf = (text: string): string[] =>
  text
    .split(',')
    .map((id) => id.trim().toUpperCase())
    .filter((id) => id !== '');

function parse(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      options: {
        only: { type: 'string' },
        json: { type: 'string' },
        gate: { type: 'boolean', default: false },
        keep: { type: 'boolean', default: false },
        alone: { type: 'boolean', default: false },
        brief: { type: 'boolean', default: false },
      },
    }).values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}
