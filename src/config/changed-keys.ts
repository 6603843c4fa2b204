/** What is different between two configurations. Pure. */
import { isDeepStrictEqual } from 'node:util';
import { definitions } from './schema.ts';
import type { LoadedSettings } from './settings.ts';

/** The keys with another meaning, in the order of the schema; those that have no effect are left out. */
export function changedKeys(
  before: Pick<LoadedSettings, 'meanings'>,
  after: Pick<LoadedSettings, 'meanings'>,
): readonly string[] {
  return [...definitions]
    .filter(
      ([key, { effect }]) =>
        effect === undefined && !isDeepStrictEqual(before.meanings.get(key), after.meanings.get(key)),
    )
    .map(([key]) => key);
}
