/** Doing the same to several things, each for itself: one that fails does not save the others. */
import { exitStatus } from './exit-status.ts';
import { errorDocument, sayError } from './report-error.ts';
import type { Screen } from './screen.ts';

/**
 * Removes all at once, or does with them what `done` says, prints the names that `remove` gave and says what failed. Returns the
 * exit status: of several failures the highest.
 */
export async function removeEach(
  screen: Screen,
  names: readonly string[],
  remove: (name: string) => Promise<string>,
  done: 'removed' | 'paused' | 'resumed' = 'removed',
): Promise<number> {
  const distinct = [...new Set(names)];
  const outcomes = await Promise.allSettled(distinct.map(remove));
  const removed = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
  const failed = outcomes.flatMap((outcome, index) =>
    outcome.status === 'rejected' ? [{ name: distinct[index] ?? '', error: outcome.reason as unknown }] : [],
  );
  const document = {
    [done]: removed,
    failed: failed.map(({ name, error }) => ({ id: name, error: errorDocument(error) })),
  };
  await screen.either(document, () => removed.map((name) => `${name}\n`).join(''));
  let status: number = exitStatus.ok;
  for (const { error } of failed) status = Math.max(status, await sayError(screen, error));
  return status;
}
