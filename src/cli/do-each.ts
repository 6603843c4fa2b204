/** Doing the same to several things, each for itself: one that fails does not save the others. */
import { exitStatus } from './exit-status.ts';
import { errorDocument, sayError } from './report-error.ts';
import type { Screen } from './screen.ts';

/**
 * Does it to all at once, prints the names that `act` gave and says what failed. Returns the exit status: of several failures the
 * highest. `key`: under which a document has these names.
 */
export async function doEach(
  screen: Screen,
  names: readonly string[],
  act: (name: string) => Promise<string>,
  key: 'removed' | 'paused' | 'resumed' = 'removed',
): Promise<number> {
  const distinct = [...new Set(names)];
  const outcomes = await Promise.allSettled(distinct.map(act));
  const done = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
  const failed = outcomes.flatMap((outcome, index) =>
    outcome.status === 'rejected' ? [{ name: distinct[index] ?? '', error: outcome.reason as unknown }] : [],
  );
  const document = {
    [key]: done,
    failed: failed.map(({ name, error }) => ({ id: name, error: errorDocument(error) })),
  };
  await screen.either(document, () => done.map((name) => `${name}\n`).join(''));
  let status: number = exitStatus.ok;
  for (const { error } of failed) status = Math.max(status, await sayError(screen, error));
  return status;
}
