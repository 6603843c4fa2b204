/** The virtual folders that a manager wants mounted (spec kernel-lifecycle 1.4). Pure. */
import { normalize } from 'node:path';
import { canonical, type RequestedMount } from '../../../storage/mounts/mount-policy.ts';
import type { KernelConfig } from './request.ts';

type VirtualFolder = KernelConfig['mounts'][number];

/** The one that may be mounted where none else may. */
const logs = '.logs';

/** Chooses them; the same folder at the same place counts once. */
export function requestedMounts({ mounts, internal_data: internal }: KernelConfig): readonly RequestedMount[] {
  const wanted = internal?.prevent_vfolder_mounts ? mounts.filter(({ name }) => name === logs) : mounts;
  const chosen = new Map<string, RequestedMount>();
  for (const folder of wanted) {
    const mount = mountOf(folder);
    const key = JSON.stringify([mount.source, mount.target]);
    const known = chosen.get(key);
    // Whoever gave it twice may do what either allows.
    chosen.set(key, known ? { ...mount, readOnly: mount.readOnly && known.readOnly } : mount);
  }
  return [...chosen.values()];
}

/** Whoever may delete in a folder may write in it. */
function mountOf({
  host_path: path,
  kernel_path: target,
  mount_perm: permission,
  vfsubpath,
}: VirtualFolder): RequestedMount {
  const source = canonical(path);
  return { source, target: canonical(target), readOnly: permission === 'ro', within: folderOf(source, vfsubpath) };
}

/**
 * The virtual folder itself, where a part of one is mounted: its users may have put links in it, over which the part
 * would come to lie elsewhere.
 */
export function folderOf(source: string, part: string): string {
  const below = canonical(normalize(part));
  return below !== '.' && source.endsWith(`/${below}`) ? source.slice(0, -below.length - 1) || '/' : source;
}
