/** Says when the cluster changes what this node has read of it at its start: it counts from the next start on. */

import type { Logger } from '../../lib/log.ts';
import type { ConfigurationOverlay } from '../etcd/configuration-overlay.ts';
import { configurationPaths as paths } from './configuration.ts';

/** Follows it until the signal aborts. What changed is not logged: passwords are among it. */
export async function watchConfiguration(
  overlay: Pick<ConfigurationOverlay, 'follow'>,
  log: Logger,
  signal: AbortSignal,
): Promise<void> {
  let known: readonly string[] | null = null;
  try {
    for await (const tables of overlay.follow(paths, signal)) {
      const now = tables.map((table) => JSON.stringify(table));
      const changed = paths.filter((_, index) => known !== null && known[index] !== now[index]);
      if (changed.length > 0) {
        log.warn("the cluster's configuration has changed; it counts from the next start of this daemon", { changed });
      }
      known = now;
    }
  } catch (thrown) {
    if (!signal.aborted) throw thrown;
  }
}
