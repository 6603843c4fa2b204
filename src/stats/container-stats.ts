/**
 * The figures of a container, read from its cgroup's files: a tenth of a millisecond a container, without the engine
 * (spec resources-and-stats 13.3). The files are the kernel's own memory, so that reading them does not wait for disks.
 */
import { closeSync, openSync, readFileSync, readSync } from 'node:fs';
import { totalmem } from 'node:os';
import { isSystemError } from '../lib/system-error.ts';
import {
  type CgroupFolder,
  type CgroupMembership,
  type CgroupMount,
  cgroupFolder,
  keyedNumber,
  limit,
  number,
  parseCgroupMounts,
  parseMembership,
} from './cgroup.ts';

/** Figures of one container. */
export interface ContainerFigures {
  /** CPU time used by everything in it. */
  readonly cpuSeconds: number;
  /** Memory in use, without the page cache that can be dropped at any time. */
  readonly memoryBytes: number;
  /** The most that was ever charged to it, page cache included. */
  readonly memoryPeakBytes: number;
  /** Its limit, or what the node has. */
  readonly memoryLimitBytes: number;
  readonly processes: number;
  /** How many of its processes the kernel has killed for want of memory. */
  readonly outOfMemoryKills: number;
}

/** Gives the text of a file; throws the system's error. */
export type ReadText = (path: string) => string;

/** Where the figures come from; all of it for tests. */
export interface ContainerStatsOptions {
  readonly readText?: ReadText;
  readonly nodeMemoryBytes?: number;
}

const gone = ['ENOENT', 'ESRCH', 'ENODEV'] as const;

/**
 * Makes a reader of figures by the pid of a container's first process. It answers null for a container that has
 * vanished, which is normal, and throws only what the system says otherwise.
 */
export function createStatsReader(
  options: ContainerStatsOptions = {},
): (pid: number) => Promise<ContainerFigures | null> {
  const { readText = createTextReader(), nodeMemoryBytes = totalmem() } = options;
  let mounts: readonly CgroupMount[] | null = null;
  return async (pid) => {
    // One container a turn: many at once don't hold up everything else.
    await new Promise((resolve) => setImmediate(resolve));
    try {
      mounts ??= parseCgroupMounts(readText('/proc/self/mountinfo'));
      return figures(parseMembership(readText(`/proc/${pid}/cgroup`)), mounts, readText, nodeMemoryBytes);
    } catch (thrown) {
      if (isSystemError(thrown, ...gone)) return null;
      throw thrown;
    }
  };
}

function figures(
  membership: CgroupMembership,
  mounts: readonly CgroupMount[],
  readText: ReadText,
  nodeMemoryBytes: number,
): ContainerFigures | null {
  const cpu = cgroupFolder('cpuacct', membership, mounts);
  const memory = cgroupFolder('memory', membership, mounts);
  const pids = cgroupFolder('pids', membership, mounts);
  if (!cpu || !memory) return null;
  return {
    cpuSeconds: cpuSeconds(cpu, readText),
    ...memoryFigures(memory, readText, nodeMemoryBytes),
    processes: pids ? processes(pids, readText) : 0,
  };
}

function cpuSeconds({ version, path }: CgroupFolder, readText: ReadText): number {
  if (version === 1) return (number(readText(`${path}/cpuacct.usage`)) ?? 0) / 1e9;
  return (keyedNumber(readText(`${path}/cpu.stat`), 'usage_usec') ?? 0) / 1e6;
}

/** The names of the files and keys of both versions. */
const memoryFiles = {
  1: {
    now: 'memory.usage_in_bytes',
    peak: 'memory.max_usage_in_bytes',
    limit: 'memory.limit_in_bytes',
    cache: 'total_inactive_file',
    events: 'memory.oom_control',
  },
  2: {
    now: 'memory.current',
    peak: 'memory.peak',
    limit: 'memory.max',
    cache: 'inactive_file',
    events: 'memory.events',
  },
} as const;

function memoryFigures(
  { version, path }: CgroupFolder,
  readText: ReadText,
  nodeMemoryBytes: number,
): Pick<ContainerFigures, 'memoryBytes' | 'memoryPeakBytes' | 'memoryLimitBytes' | 'outOfMemoryKills'> {
  const names = memoryFiles[version];
  const read = (name: string): string => readText(`${path}/${name}`);
  const charged = number(read(names.now)) ?? 0;
  const cache = keyedNumber(read('memory.stat'), names.cache) ?? 0;
  const memoryBytes = Math.max(0, charged - cache);
  return {
    memoryBytes,
    // Kernels before 5.19 keep no peak in v2.
    memoryPeakBytes: Math.max(charged, number(optional(() => read(names.peak))) ?? 0),
    memoryLimitBytes: limit(read(names.limit), nodeMemoryBytes),
    outOfMemoryKills:
      keyedNumber(
        optional(() => read(names.events)),
        'oom_kill',
      ) ?? 0,
  };
}

/** Both versions agree; without a limit on processes some hosts have no counter, and the list is counted. */
function processes({ path }: CgroupFolder, readText: ReadText): number {
  const counted = number(optional(() => readText(`${path}/pids.current`)));
  if (counted !== null) return counted;
  return readText(`${path}/cgroup.procs`)
    .split('\n')
    .filter((line) => line !== '').length;
}

function optional(read: () => string): string {
  try {
    return read();
  } catch (thrown) {
    if (isSystemError(thrown, 'ENOENT')) return '';
    throw thrown;
  }
}

/**
 * Reads files of `/proc` and of cgroups, through one buffer: four system calls a file. One read is not all of a file
 * such as `mountinfo`, which gives whole lines of up to 4 KiB.
 */
export function createTextReader(): ReadText {
  const buffer = Buffer.allocUnsafe(16 * 1024);
  return (path) => {
    const descriptor = openSync(path, 'r');
    try {
      let size = 0;
      for (let got = -1; got !== 0 && size < buffer.length; size += got) {
        got = readSync(descriptor, buffer, size, buffer.length - size, null);
      }
      return size < buffer.length ? buffer.toString('utf8', 0, size) : readFileSync(path, 'utf8');
    } finally {
      closeSync(descriptor);
    }
  };
}
