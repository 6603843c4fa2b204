/**
 * Where the cgroup files of a process lie: v1, v2, and hybrid hosts where some controllers are v1 and a v2 tree stands
 * beside them. Takes texts of `/proc` and gives paths (cgroups(7)).
 */
import { readFileSync } from 'node:fs';

/** A mounted hierarchy of cgroups: the one of version 2, or that of some controllers of version 1. */
export interface CgroupMount {
  readonly version: 1 | 2;
  readonly mountPoint: string;
  /** The cgroup that is seen at the mount point; `/` but in containers. */
  readonly root: string;
  /** Controllers of a v1 hierarchy; a v2 one has none here. */
  readonly controllers: ReadonlySet<string>;
}

/** The cgroups of a process: path by v1 controller; the v2 path under the empty name. */
export type CgroupMembership = ReadonlyMap<string, string>;

/** Where a controller's files of one process lie. */
export interface CgroupFolder {
  readonly version: 1 | 2;
  readonly path: string;
}

/** The hierarchies of this machine. */
export function readHierarchies(): readonly CgroupMount[] {
  return parseCgroupMounts(readFileSync('/proc/self/mountinfo', 'utf8'));
}

/** Reads `/proc/PID/cgroup`. */
export function parseMembership(text: string): CgroupMembership {
  const paths = new Map<string, string>();
  for (const line of text.split('\n')) {
    const match = /^\d+:([^:]*):(\/.*)$/.exec(line);
    if (!match) continue;
    const [, controllers = '', path = ''] = match;
    for (const controller of controllers.split(',')) paths.set(controller, path);
  }
  return paths;
}

/** Finds the cgroup hierarchies in `/proc/self/mountinfo`. */
export function parseCgroupMounts(text: string): readonly CgroupMount[] {
  const mounts: CgroupMount[] = [];
  for (const line of text.split('\n')) {
    const [before, after] = line.split(' - ', 2);
    const [, , , root, mountPoint] = before?.split(' ') ?? [];
    const [fileSystem, , options = ''] = after?.split(' ') ?? [];
    if (root === undefined || mountPoint === undefined) continue;
    if (fileSystem === 'cgroup2') mounts.push({ version: 2, mountPoint, root, controllers: new Set() });
    if (fileSystem === 'cgroup')
      mounts.push({ version: 1, mountPoint, root, controllers: new Set(options.split(',')) });
  }
  return mounts;
}

/**
 * The folder of a controller for a process, or null when there is none: the controller is not mounted, the cgroup lies
 * outside of what this process sees, or the process is in the root cgroup, as one that is about to vanish is.
 */
export function cgroupFolder(
  controller: string,
  membership: CgroupMembership,
  mounts: readonly CgroupMount[],
): CgroupFolder | null {
  const first = mounts.find(({ controllers }) => controllers.has(controller));
  if (!first) {
    const path = unifiedFolder(membership, mounts);
    return path === null ? null : { version: 2, path };
  }
  const path = folderIn(first, membership.get(controller));
  return path === null ? null : { version: 1, path };
}

/** The folder of a process in the v2 tree, which hybrid hosts have beside the v1 controllers; null where there is none. */
export function unifiedFolder(membership: CgroupMembership, mounts: readonly CgroupMount[]): string | null {
  const mount = mounts.find(({ version }) => version === 2);
  return mount ? folderIn(mount, membership.get('')) : null;
}

function folderIn(mount: CgroupMount, cgroup: string | undefined): string | null {
  if (cgroup === undefined || cgroup === '/' || cgroup.split('/').includes('..')) return null;
  const root = mount.root === '/' ? '' : mount.root;
  if (root !== '' && !cgroup.startsWith(`${root}/`)) return null;
  return mount.mountPoint + cgroup.slice(root.length);
}
