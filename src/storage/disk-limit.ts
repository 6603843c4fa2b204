/** Whether the engine can bound what a kernel writes to its own layer, and the sentence that says why it can't. Pure. */
import type { EngineInfo } from '../engine/engine.ts';
import { type Mount, mountOf } from '../lib/mount-table.ts';

/** The answer: a limit is possible, or why not. */
export type DiskLimitSupport = { readonly possible: true } | { readonly possible: false; readonly reason: string };

const ableDrivers = new Set(['btrfs', 'zfs', 'devicemapper', 'windowsfilter']);

/** What this engine can do about disk limits; `mounts` are those of this machine. */
export function diskLimitSupport(info: EngineInfo, mounts: readonly Mount[]): DiskLimitSupport {
  const { storageDriver, dataRoot } = info;
  if (ableDrivers.has(storageDriver)) return { possible: true };
  if (storageDriver !== 'overlay2') {
    return {
      possible: false,
      reason: `the storage driver ${storageDriver} cannot limit the disk space of a container`,
    };
  }
  const mount = mountOf(dataRoot, mounts);
  const fileSystem = mount?.fileSystem ?? 'unknown';
  if (fileSystem !== 'xfs') {
    const reason = `the storage driver overlay2 limits disk space only on xfs mounted with pquota, and ${dataRoot} is on ${fileSystem}`;
    return { possible: false, reason };
  }
  const quota = ['pquota', 'prjquota'].some((one) => mount?.fileSystemOptions.has(one));
  if (quota) return { possible: true };
  return {
    possible: false,
    reason: `the storage driver overlay2 limits disk space only on xfs mounted with pquota, and ${mount?.mountPoint} is mounted without it`,
  };
}
