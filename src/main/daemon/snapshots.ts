/** Writes a snapshot of the daemon's state when somebody asks for one (SIGUSR2). */
import path from 'node:path';
import type { Settings } from '../../config/settings.ts';
import { writeFileAtomic } from '../../lib/atomic-file.ts';
import { CoalescedTask } from '../../lib/coalesced-task.ts';
import { toKerneletError } from '../../lib/errors.ts';
import type { Logger } from '../../lib/log.ts';
import { type SnapshotSources, stateSnapshot } from './state-snapshot.ts';

/** The requests: one snapshot at a time, in one file, which the next replaces. */
export function snapshotsOf(
  settings: Pick<Settings, 'mode' | 'stateDir' | 'agent'>,
  sources: () => SnapshotSources,
  log: Logger,
): CoalescedTask {
  const folder = settings.mode === 'cluster' ? settings.agent.varBasePath : settings.stateDir;
  const file = path.join(folder, 'kernelet-snapshot.json');
  return new CoalescedTask(async () => {
    try {
      await writeFileAtomic(file, await stateSnapshot(sources()));
      log.info('a snapshot of the state is written', { file });
    } catch (thrown) {
      log.error('a snapshot of the state could not be written', { file, error: toKerneletError(thrown) });
    }
  });
}
