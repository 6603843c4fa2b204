/** Notes of what a copy does not take with it. */

import { printable } from '../lib/terminal-text.ts';
import type { UnpackedArchive } from '../protocol/kernel-files.ts';
import type { Screen } from './screen.ts';

/** Names are those of tenants, or of whoever made the folder. */
export const noteLeftOut = (screen: Screen, path: string, why: string): Promise<void> =>
  screen.note(`left out: ${printable(path)}: ${printable(why)}`);

/** What unpacking an archive has left out. */
export async function noteSkipped(
  screen: Screen,
  { skipped, skippedCount }: Pick<UnpackedArchive, 'skipped' | 'skippedCount'>,
): Promise<void> {
  for (const { name, reason } of skipped) await noteLeftOut(screen, name, reason);
  if (skippedCount > skipped.length) await screen.note(`left out: ${skippedCount - skipped.length} more`);
}
