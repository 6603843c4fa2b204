/** Reads what the engine says of itself and its host, and what of its processes it does not say. */
import { readdir, readFile, readlink, realpath } from 'node:fs/promises';
import { KerneletError } from '../../lib/errors.ts';
import type { EngineInfo } from '../engine.ts';
import { child, fields, number, text, texts } from './replies.ts';
import type { EngineVersion } from './versioned-transport.ts';

/** Mounts of the engine and its runtimes that may lie outside of the folder that it names, which only one that answers does. */
export const engineMounts = ['/proc/docker/runtime-runc/moby', '/var/lib/docker/btrfs'] as const;

/** The reply to `GET /info`, with the version that was negotiated. Throws NOT_SUPPORTED when it maps users and does not say to whom. */
export function readEngineInfo(value: unknown, version: EngineVersion): EngineInfo {
  const info = fields(value);
  const securityOptions = texts(info, 'SecurityOptions');
  const has = (name: string): boolean => securityOptions.some((option) => option.split(',').includes(`name=${name}`));
  return {
    name: version.name,
    identity: text(info, 'ID'),
    version: version.version,
    apiVersion: version.apiVersion,
    architecture: text(info, 'Architecture'),
    storageDriver: text(info, 'Driver'),
    cgroupVersion: text(info, 'CgroupVersion') === '2' ? 2 : 1,
    cgroupDriver: text(info, 'CgroupDriver'),
    // The engine doesn't say it; these are what it takes when its own settings name none.
    cgroupParent: text(info, 'CgroupDriver') === 'systemd' ? 'system.slice' : 'docker',
    cpus: number(info, 'NCPU'),
    memoryBytes: number(info, 'MemTotal'),
    dataRoot: text(info, 'DockerRootDir'),
    runtimes: Object.keys(child(info, 'Runtimes')),
    securityOptions,
    mappedRoot: has('userns') ? mappedRootOf(text(info, 'DockerRootDir')) : null,
    isRootless: has('rootless'),
    enforced: {
      cpus: info['CpuCfsQuota'] !== false,
      memory: info['MemoryLimit'] !== false,
      processes: info['PidsLimit'] !== false,
    },
  };
}

/** The engine does not say whom it maps root to, but names a folder of its data by it. */
function mappedRootOf(dataRoot: string): NonNullable<EngineInfo['mappedRoot']> {
  const [, uid, gid] = /\/(\d+)\.(\d+)$/.exec(dataRoot) ?? [];
  if (uid !== undefined && gid !== undefined) return { uid: Number(uid), gid: Number(gid) };
  const text = `the engine maps users of containers (userns-remap), and its data root ${dataRoot} does not end with whom it maps root to, such as /100000.100000`;
  throw new KerneletError('NOT_SUPPORTED', text, { context: { path: dataRoot } });
}

/**
 * The profile of AppArmor that its containers are to have: Docker's own, which it loads by itself wherever the machine has
 * AppArmor. null: there is none, or the engine is another, which has no profile of that name.
 */
export function appArmorProfileOf(
  { securityOptions }: Pick<EngineInfo, 'securityOptions'>,
  { components }: Pick<EngineVersion, 'components'>,
): string | null {
  return securityOptions.includes('name=apparmor') && components.includes('Engine') ? 'docker-default' : null;
}

/** A process of the engine, as `/proc` shows it. */
interface HostProcess {
  readonly pid: number;
  readonly name: string;
  readonly parent: number;
}

/**
 * How many files a container's processes may open when nothing is asked for: the hard limit of the containerd that starts
 * them. The engine doesn't say, so it is read from the processes behind the socket; asking for more makes a start fail.
 * Undefined when the processes cannot be found or read. Never throws.
 */
export async function readOpenFilesLimit(socketPath: string): Promise<number | undefined> {
  try {
    const processes = await engineProcesses();
    const inodes = await listeningInodes(socketPath);
    for (const daemon of processes.filter((one) => one.name === 'dockerd')) {
      if (!(await holds(daemon.pid, inodes))) continue;
      const starters = processes.filter((one) => one.name === 'containerd');
      const starter = starters.find((one) => one.parent === daemon.pid) ?? starters.find((one) => one.parent === 1);
      return parseOpenFilesLimit(await readFile(`/proc/${(starter ?? daemon).pid}/limits`, 'utf8'));
    }
  } catch {
    // Not this user's to read, or gone meanwhile: unknown.
  }
  return undefined;
}

/** The hard limit of a `/proc/PID/limits`; undefined when there is none. */
export function parseOpenFilesLimit(limits: string): number | undefined {
  const hard = /^Max open files\s+\S+\s+(\d+)/m.exec(limits)?.[1];
  return hard === undefined ? undefined : Number(hard);
}

/** Inodes of the sockets that are bound to a path, from `/proc/net/unix`. Paths are compared as given. */
export function parseSocketInodes(table: string, paths: ReadonlySet<string>): ReadonlySet<string> {
  const inodes = new Set<string>();
  for (const line of table.split('\n')) {
    const [, inode, path] = /^\S+ \S+ \S+ \S+ \S+ \S+\s+(\d+) (\/.*)$/.exec(line) ?? [];
    if (inode !== undefined && path !== undefined && paths.has(path)) inodes.add(inode);
  }
  return inodes;
}

async function listeningInodes(socketPath: string): Promise<ReadonlySet<string>> {
  const real = await realpath(socketPath);
  const paths = new Set([socketPath, real, real.replace(/^\/run\//, '/var/run/')]);
  return parseSocketInodes(await readFile('/proc/net/unix', 'utf8'), paths);
}

async function engineProcesses(): Promise<readonly HostProcess[]> {
  const found: HostProcess[] = [];
  for (const pid of await readdir('/proc')) {
    if (!/^\d+$/.test(pid)) continue;
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
    const [, name, parent] = /^\d+ \((dockerd|containerd)\) \S (\d+)/.exec(stat) ?? [];
    if (name !== undefined) found.push({ pid: Number(pid), name, parent: Number(parent) });
  }
  return found;
}

async function holds(pid: number, inodes: ReadonlySet<string>): Promise<boolean> {
  for (const descriptor of await readdir(`/proc/${pid}/fd`)) {
    const target = await readlink(`/proc/${pid}/fd/${descriptor}`).catch(() => '');
    if (inodes.has(/^socket:\[(\d+)\]$/.exec(target)?.[1] ?? '')) return true;
  }
  return false;
}
