/**
 * Limits that the operator sets and not every engine can enforce: what of them a kernel gets here, and the sentences
 * that say what it does not get. Pure.
 */
import type { EngineInfo } from '../engine/engine.ts';
import type { KernelLimits } from '../kernel/spec.ts';
import { type Mount, mountOf } from '../lib/mount-table.ts';

/** Whether the engine can bound what a kernel writes to its own layer; the reason is one sentence. */
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

/** The limits; null = none of kernelet's own. */
export type OperatorLimits = Pick<KernelLimits, 'diskBytes' | 'openFiles'>;

/** Limits as an engine can give them. */
export interface FittedLimits {
  readonly limits: OperatorLimits;
  /** One sentence for each that is less than was wanted, naming its key. */
  readonly warnings: readonly string[];
}

/** Whether there is anything that an engine would have to be asked about. */
export const isAnyWanted = (wanted: OperatorLimits): boolean => wanted.diskBytes !== null || wanted.openFiles !== null;

/** Fits the limits to an engine; `mounts` are those of this machine. */
export function fitLimits(wanted: OperatorLimits, info: EngineInfo, mounts: readonly Mount[]): FittedLimits {
  const warnings: string[] = [];
  let { diskBytes, openFiles } = wanted;
  if (diskBytes !== null) {
    const support = diskLimitSupport(info, mounts);
    if (!support.possible) {
      warnings.push(`kernelet.disk-limit is not enforced: ${support.reason}`);
      diskBytes = null;
    }
  }
  const most = info.openFilesLimit;
  if (openFiles !== null && most !== undefined && openFiles > most) {
    warnings.push(`kernelet.open-files = ${openFiles} is capped to ${most}, which is what the engine can give`);
    openFiles = most;
  }
  return { limits: { diskBytes, openFiles }, warnings };
}
