/**
 * Where the cgroup files of a process lie, and how to read them: v1, v2, and hybrid hosts where some controllers are v1
 * and a v2 tree stands beside them. Pure: takes texts of `/proc` and gives paths and numbers (cgroups(7)).
 */

/** A mounted hierarchy. */
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
  const mount = first ?? mounts.find(({ version }) => version === 2);
  const cgroup = membership.get(first ? controller : '');
  if (!mount || cgroup === undefined || cgroup === '/' || cgroup.split('/').includes('..')) return null;
  const root = mount.root === '/' ? '' : mount.root;
  if (root !== '' && !cgroup.startsWith(`${root}/`)) return null;
  return { version: mount.version, path: mount.mountPoint + cgroup.slice(root.length) };
}

/** Reads the number after `key` at the start of a line (`cpu.stat`, `memory.stat`, `memory.events`), or null. */
export function keyedNumber(text: string, key: string): number | null {
  const at = text.startsWith(`${key} `) ? 0 : text.indexOf(`\n${key} `) + 1;
  if (at === 0 && !text.startsWith(`${key} `)) return null;
  return number(text.slice(at + key.length + 1).split('\n', 1)[0] ?? '');
}

/** Reads a file of one number, or null. */
export const number = (text: string): number | null => (/^\s*\d+\s*$/.test(text) ? Number(text) : null);

/** Reads a limit: `max`, nonsense, and numbers above what the node has mean all of the node. */
export const limit = (text: string, nodeTotal: number): number => Math.min(number(text) ?? nodeTotal, nodeTotal);
