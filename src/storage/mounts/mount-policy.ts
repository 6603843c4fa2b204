/**
 * Which host paths may be mounted into kernels: only existing ones that, symlinks resolved, lie below a folder of
 * `kernelet.mount-allow`; some never. The resolved path is what is mounted. A kernel that may write above it can put a
 * link in its place, which the engine would follow, so it is looked at again before every start.
 */
import { realpath } from 'node:fs/promises';
import { isAbsolute, normalize } from 'node:path';
import { KerneletError } from '../../lib/errors.ts';
import type { Logger } from '../../lib/log.ts';
import { isAtOrBelow, type Mount, mountOf, mountsBelow, readMountTable } from '../../lib/mount-table.ts';
import { systemErrorCode } from '../../lib/system-error.ts';
import type { ForeignFiles } from '../file-systems/file-systems.ts';

/** A mount as asked for, and as allowed. */
export interface RequestedMount {
  readonly source: string;
  readonly target: string;
  readonly readOnly: boolean;
  /** A folder out of which the source must not lead, once its links are resolved. */
  readonly within?: string | undefined;
}

/** What the rules are made of. */
export interface MountPolicyOptions {
  /** Folders below which host paths may be mounted: `kernelet.mount-allow` of the configuration. */
  readonly allow: readonly string[];
  /** Paths that are refused whatever is allowed: the state folder, the engine's socket and data. */
  readonly refuse: readonly string[];
  /** The file to edit; absent: it is not named. */
  readonly configFile?: string;
}

/** The key that the refusals name. */
const key = 'kernelet.mount-allow';

/** Folders of the system: neither they nor anything below them is ever mounted. */
const systemFolders = [
  '/boot',
  '/dev',
  '/etc',
  '/proc',
  '/root',
  '/run',
  '/sys',
  '/usr',
  // What is written there runs, or says what runs, as root of this or another machine.
  '/var/lib/containerd',
  '/var/lib/containers',
  '/var/lib/docker',
  '/var/lib/etcd',
  '/var/lib/kernelet',
  '/var/lib/kubelet',
  '/var/run',
  '/var/spool',
] as const;
/** Whoever writes in a folder of this name logs in as its owner. */
const keyFolder = '.ssh';
/** Folders that are themselves never mounted; what lies below them may be. */
const topFolders = [
  '/',
  '/bin',
  '/home',
  '/lib',
  '/lib32',
  '/lib64',
  '/media',
  '/mnt',
  '/opt',
  '/sbin',
  '/srv',
  '/tmp',
  '/var',
  '/var/lib',
] as const;
/** Targets in the kernel that belong to the runner or the system. */
const reservedTargets = [
  '/opt',
  '/proc',
  '/sys',
  '/dev',
  '/home/config',
  '/etc',
  '/usr',
  '/bin',
  '/sbin',
  '/lib',
  '/lib64',
  '/run',
] as const;
const homeTarget = '/home/work';
/** Targets that would hide what the kernel needs; folders below them are fine. */
const exactTargets = ['/', '/home', homeTarget] as const;

/** The error for a mount that is not allowed. */
export function refuseMount(text: string, path: string): KerneletError {
  return new KerneletError('FORBIDDEN_MOUNT', text, { context: { path, key } });
}

/** The error for a volume that an image must not declare. */
export function refuseVolume(text: string, path: string): KerneletError {
  return new KerneletError('FORBIDDEN_VOLUME', text, { context: { path } });
}

/** Checks targets alone. Pure. Throws FORBIDDEN_MOUNT. */
export function checkTargets(mounts: readonly RequestedMount[]): void {
  const seen: string[] = [];
  for (const { target } of mounts) {
    if (!isAbsolute(target) || /[\0\n,]/.test(target)) {
      throw refuseMount(`the mount target ${JSON.stringify(target)} is not an absolute path`, target);
    }
    const path = canonical(target);
    const reserved = exactTargets.some((one) => one === path) || reservedTargets.some((one) => isAtOrBelow(path, one));
    if (reserved) throw refuseMount(`nothing may be mounted at ${path}: it belongs to the kernel itself`, path);
    // Where one lies in another, whoever writes in that can lead it to any place of the container.
    const other = seen.find((one) => isAtOrBelow(path, one) || isAtOrBelow(one, path));
    if (other === path) throw refuseMount(`two mounts have the target ${path}`, path);
    if (other !== undefined) throw refuseMount(`the mounts at ${path} and ${other} overlap`, path);
    seen.push(path);
  }
}

/** Checks a resolved source path. Pure. Throws FORBIDDEN_MOUNT. */
export function checkSource(source: string, options: MountPolicyOptions): void {
  const isOfSystem = topFolders.some((one) => one === source) || systemFolders.some((one) => isAtOrBelow(source, one));
  if (source.split('/').includes(keyFolder)) {
    throw refuseMount(`${source} holds keys by which people log in, and is never mounted into a kernel`, source);
  }
  if (isOfSystem) {
    throw refuseMount(`${source} is a folder of the system and is never mounted into a kernel`, source);
  }
  // A folder above a refused one would show it too.
  if (options.refuse.some((one) => isAtOrBelow(source, one) || isAtOrBelow(one, source))) {
    throw refuseMount(
      `${source} holds kernelet's or the engine's own state and is never mounted into a kernel`,
      source,
    );
  }
  if (options.allow.some((one) => isAtOrBelow(source, canonical(one)))) return;
  const allowed =
    options.allow.length === 0 ? 'allows nothing' : `allows only what lies below ${options.allow.join(', ')}`;
  throw new KerneletError('FORBIDDEN_MOUNT', `${source} may not be mounted: ${key} of the configuration ${allowed}`, {
    context: { path: source, key },
    cure: `Have ${key} in ${options.configFile ?? 'the configuration'} name a folder that it lies in, and start the daemon anew.`,
  });
}

/**
 * The mounts with their sources resolved. Throws FORBIDDEN_MOUNT, naming the path and the key that decides, and
 * FILE_SYSTEM_HUNG.
 */
export async function allowMounts(
  mounts: readonly RequestedMount[],
  options: MountPolicyOptions,
  files: Pick<ForeignFiles, 'find'>,
): Promise<readonly RequestedMount[]> {
  checkTargets(mounts);
  const refuse = await resolveOwn(options.refuse);
  const allowed: RequestedMount[] = [];
  for (const mount of mounts) {
    const { source } = mount;
    if (!isAbsolute(source) || source.includes('\0')) {
      throw refuseMount(
        `the mount source ${JSON.stringify(source)} is not an absolute path; ${key} decides what may be mounted`,
        source,
      );
    }
    const { path } = await files.find(source).catch((error: unknown) => {
      if (error instanceof KerneletError) throw error;
      const code = systemErrorCode(error) ?? 'unreadable';
      throw refuseMount(
        `${source} cannot be mounted: there is no such path (${code}); ${key} decides what may be mounted`,
        source,
      );
    });
    checkSource(path, { ...options, allow: await resolveFor(path, options.allow, files), refuse });
    const { within } = mount;
    if (within !== undefined && !isAtOrBelow(path, await resolved(within, files))) {
      throw refuseMount(`${source} may not be mounted: a link leads out of ${within}`, source);
    }
    allowed.push({ source: path, target: canonical(mount.target), readOnly: mount.readOnly });
  }
  return allowed;
}

/**
 * Throws FORBIDDEN_MOUNT when an allowed source leads elsewhere by now: it, or a folder above it, was replaced. Throws
 * FILE_SYSTEM_HUNG.
 */
export async function checkUnmoved(
  mounts: readonly Pick<RequestedMount, 'source'>[],
  files: Pick<ForeignFiles, 'find'>,
): Promise<void> {
  for (const { source } of mounts) {
    const now = await files.find(source).then(
      ({ path }) => path,
      (error: unknown) => {
        if (error instanceof KerneletError) throw error;
        return systemErrorCode(error) ?? 'unreadable';
      },
    );
    if (now === source) continue;
    throw refuseMount(`${source} may not be mounted any more: it was replaced since it was allowed (${now})`, source);
  }
}

/**
 * Folders as written when one of them holds the path; else also as resolved, so that one may be written as a link. So one that
 * hangs is asked only for the sake of what may lie on it.
 */
async function resolveFor(
  path: string,
  folders: readonly string[],
  files: Pick<ForeignFiles, 'find'>,
): Promise<readonly string[]> {
  if (folders.some((folder) => isAtOrBelow(path, canonical(folder)))) return folders;
  return [...folders, ...(await Promise.all(folders.map((folder) => resolved(folder, files))))];
}

/** The path as it is when it leads nowhere, or nobody answers where. */
const resolved = async (path: string, files: Pick<ForeignFiles, 'find'>): Promise<string> =>
  await files.find(path).then(
    (found) => found.path,
    () => path,
  );

/** Paths of our own and the engine's, as written and as resolved: a link can't hide what it leads to. */
async function resolveOwn(paths: readonly string[]): Promise<readonly string[]> {
  const both = await Promise.all(paths.map(async (path) => [canonical(path), await realpath(path).catch(() => path)]));
  return [...new Set(both.flat())];
}

/** A path without `..`, doubled or trailing slashes. */
export function canonical(path: string): string {
  const normal = normalize(path);
  return normal.length > 1 && normal.endsWith('/') ? normal.slice(0, -1) : normal;
}

/** What the operator allows, and where to warn. */
export interface MountCheckOptions {
  /** Folders that kernels may be given, and what is below them. */
  readonly allow: readonly string[];
  /** Folders of the agent and of the engine, which nobody gets. */
  readonly refuse: () => Promise<readonly string[]>;
  /** Folders, and what is below them, that kernels with root may write in although they are not mounted `nosuid`. */
  readonly allowSetId: readonly string[];
  /** The file that refusals name. */
  readonly configFile?: string;
  /** Whether somebody may be root in a kernel. */
  readonly hasTenantRoot: boolean;
  readonly files: Pick<ForeignFiles, 'find'>;
  readonly log: Logger;
}

/** Gives a check that throws FORBIDDEN_MOUNT as `allowMounts` and `SetIdCheck` do. */
export function mountCheck({ refuse, allowSetId, hasTenantRoot, files, log, ...rules }: MountCheckOptions) {
  const setId = new SetIdCheck(allowSetId, files, log);
  return async (mounts: readonly RequestedMount[]): Promise<readonly RequestedMount[]> => {
    if (mounts.length === 0) return mounts;
    const allowed = await allowMounts(mounts, { ...rules, refuse: await refuse() }, files);
    if (hasTenantRoot) await setId.check(allowed);
    return allowed;
  };
}

const setIdKey = 'kernelet.mount-allow-set-id';

/**
 * Keeps folders of the host from somebody who is root in a container and could write in them: a program that is set-id
 * there makes root of whoever runs it on the host. The engine binds folders with the options of the mount that they lie on,
 * and takes no others, so that it is that mount which must be `nosuid`. What the operator allows all the same is warned of,
 * once for each mount of the host.
 */
export class SetIdCheck {
  readonly #allow: readonly string[];
  readonly #files: Pick<ForeignFiles, 'find'>;
  readonly #log: Logger;
  readonly #read: () => Promise<readonly Mount[]>;
  readonly #warned = new Set<string>();

  constructor(
    allow: readonly string[],
    files: Pick<ForeignFiles, 'find'>,
    log: Logger,
    read: () => Promise<readonly Mount[]> = readMountTable,
  ) {
    this.#allow = allow;
    this.#files = files;
    this.#log = log;
    this.#read = read;
  }

  /** Looks at mounts whose sources are resolved. Throws FORBIDDEN_MOUNT. */
  async check(mounts: readonly RequestedMount[]): Promise<void> {
    const written = mounts.filter(({ readOnly }) => !readOnly);
    if (written.length === 0) return;
    const table = await this.#read().catch(() => []);
    // The engine binds what is mounted below a folder with it.
    const found = written.flatMap(({ source }) =>
      [mountOf(source, table), ...mountsBelow(source, table)].map((mount) => ({ source, mount })),
    );
    for (const { source, mount } of found) {
      if (mount?.options.has('nosuid')) continue;
      const mountPoint = mount?.mountPoint ?? '/';
      // Sources come with their links resolved.
      const allow = await resolveFor(source, this.#allow, this.#files);
      if (!allow.some((folder) => isAtOrBelow(source, folder))) {
        const text = `kernels in which somebody may be root may not write in ${source}: set-id programs that they leave there count on this host. Mount ${mountPoint} with nosuid,nodev, mount the folder read-only, or name it in ${setIdKey}`;
        throw new KerneletError('FORBIDDEN_MOUNT', text, { context: { path: source, mountPoint } });
      }
      if (this.#warned.has(mountPoint)) continue;
      this.#warned.add(mountPoint);
      const text = 'kernels can leave set-id programs on a mount of this host: mount it with nosuid,nodev';
      this.#log.warn(text, { mountPoint, folder: source });
    }
  }
}
