/**
 * What the node's figures are read from: CPU time, memory and network from `/proc`, and space on its disks (spec
 * resources-and-stats 13.2).
 */
import type { MeasuredAmount } from '../devices/device-plugin.ts';
import type { Clock } from '../lib/clock.ts';
import { withDeadline } from '../lib/deadline.ts';
import { type FreeSpace, freeSpaceOf } from '../lib/disk-space.ts';
import { isAtOrBelow, parseMountTable } from '../lib/mount-table.ts';
import { networkBytes } from './container-collectors.ts';
import { toNumber, UnexpectedText, whole } from './file-text.ts';
import type { NodeCollector, NodeFigureName, NodeReading } from './node-figures.ts';
import type { KeptFile } from './open-file-cache.ts';

/** The kernel counts in hundredths of a second, whatever its own clock does. */
const ticksPerSecond = 100;

/** Makes the collector; it reads `/proc/stat`. */
export function nodeCpu(file: Pick<KeptFile, 'read'>): NodeCollector {
  let previous: number | null = null;
  return {
    name: 'node cpu',
    async collect(at): Promise<readonly NodeReading[]> {
      const capacity = previous === null ? 0 : at - previous;
      const parts = new Map<string, MeasuredAmount>();
      let sum = 0;
      for (const [cpu, ticks] of parseCpuTicks(file.read())) {
        parts.set(cpu, { value: ticks / ticksPerSecond, capacity });
        sum += ticks;
      }
      previous = at;
      return [{ figure: 'cpuSeconds', value: sum / ticksPerSecond, capacity, parts }];
    },
  };
}

/** What each CPU spent on programs and on the system for them, in hundredths of a second, by its number. */
export function parseCpuTicks(text: string): ReadonlyMap<string, number> {
  const ticks = new Map<string, number>();
  for (const line of whole(text, '/proc/stat').split('\n')) {
    const [, cpu, user, system] = /^cpu(\d+) (\d+) \d+ (\d+) /.exec(line) ?? [];
    if (cpu === undefined || user === undefined || system === undefined) continue;
    ticks.set(cpu, toNumber(user, '/proc/stat') + toNumber(system, '/proc/stat'));
  }
  if (ticks.size === 0) throw new UnexpectedText('/proc/stat has no CPU');
  return ticks;
}

/** Makes the collector; it reads `/proc/meminfo`. */
export function nodeMemory(file: Pick<KeptFile, 'read'>): NodeCollector {
  return {
    name: 'node memory',
    async collect(): Promise<readonly NodeReading[]> {
      const { usedBytes, totalBytes } = parseMemory(file.read());
      return [{ figure: 'memoryBytes', value: usedBytes, capacity: totalBytes, parts: new Map() }];
    },
  };
}

/** Total, and what of it is not available. In some containers more is available than there is: then what is free counts. */
export function parseMemory(text: string): { readonly usedBytes: number; readonly totalBytes: number } {
  whole(text, '/proc/meminfo');
  const bytes = (key: string): number => {
    const kibibytes = new RegExp(`^${key}: +(\\d+) kB$`, 'm').exec(text)?.[1];
    if (kibibytes === undefined) throw new UnexpectedText(`/proc/meminfo has no line ${key}`);
    return toNumber(kibibytes, '/proc/meminfo') * 1024;
  };
  const totalBytes = bytes('MemTotal');
  const available = bytes('MemAvailable');
  return { usedBytes: totalBytes - (available > totalBytes ? bytes('MemFree') : available), totalBytes };
}

/** Makes the collector; it reads `/proc/self/net/dev`. */
export function nodeNetwork(file: Pick<KeptFile, 'read'>): NodeCollector {
  const reading = (figure: NodeFigureName, value: number): NodeReading => ({
    figure,
    value,
    capacity: null,
    parts: new Map(),
  });
  return {
    name: 'node network',
    async collect(): Promise<readonly NodeReading[]> {
      const { receivedBytes, sentBytes } = networkBytes(file.read(), { loopback: true });
      return [reading('receivedBytes', receivedBytes), reading('sentBytes', sentBytes)];
    },
  };
}

const skippedTypes: readonly string[] = ['vfat', 'lxcfs', 'squashfs', 'tmpfs', 'iso9660'];
/** A network file system may never answer. */
const deadlineMs = 2_000;
const maxDisks = 256;
/** Disks come and go seldom, and the list of mounts is long where many containers are. */
const listKeptSeconds = 60;

/** A device and one place where it is mounted. */
export interface Disk {
  readonly device: string;
  readonly mountPoint: string;
}

/** What the collector works with. */
export interface NodeDiskParts {
  /** `/proc/self/mountinfo`. */
  readonly mounts: Pick<KeptFile, 'read'>;
  /** `/proc/filesystems`. */
  readonly fileSystems: Pick<KeptFile, 'read'>;
  /** Mounts at or below these folders are left out as well, whether the engine answers or not. */
  readonly engineMounts: readonly string[];
  /** Mounts at this folder or below, where the engine keeps its data, are left out. When it can't be had, none are. */
  readonly engineRoot: (signal: AbortSignal) => Promise<string>;
  readonly clock: Clock;
  /** Asks the system; for tests. */
  readonly spaceOf?: (mountPoint: string) => Promise<FreeSpace>;
}

/** Makes the collector. A disk that does not answer in time is left out, and not asked again until it has answered. */
export function nodeDisk(parts: NodeDiskParts): NodeCollector {
  const { spaceOf = freeSpaceOf, clock } = parts;
  const unanswered = new Set<string>();
  let disks: readonly Disk[] = [];
  let listedAt = -Infinity;
  const ask = async ({ mountPoint }: Disk, signal: AbortSignal): Promise<FreeSpace | null> => {
    if (unanswered.has(mountPoint)) return null;
    unanswered.add(mountPoint);
    const answer = spaceOf(mountPoint).finally(() => unanswered.delete(mountPoint));
    const options = { what: `the size of ${mountPoint}`, timeoutMs: deadlineMs, signal, clock };
    return await withDeadline(options, () => answer).catch(() => null);
  };
  return {
    name: 'node disk',
    async collect(at, signal): Promise<readonly NodeReading[]> {
      if (at - listedAt >= listKeptSeconds) {
        const options = { what: "the folder of the engine's data", timeoutMs: deadlineMs, signal, clock };
        const root = await withDeadline(options, (deadline) => parts.engineRoot(deadline.signal)).catch(() => null);
        const engineFolders = root === null ? parts.engineMounts : [...parts.engineMounts, root];
        disks = disksOf(parts.mounts.read(), parts.fileSystems.read(), engineFolders);
        listedAt = at;
      }
      const spaces = await Promise.all(disks.map((disk) => ask(disk, signal)));
      signal.throwIfAborted();
      const measured = new Map<string, MeasuredAmount>();
      let [used, size] = [0, 0];
      for (const [index, { device }] of disks.entries()) {
        const space = spaces[index];
        if (!space) continue;
        const value = space.total - space.free;
        used += value;
        size += space.total;
        measured.set(device, { value, capacity: space.total });
      }
      return measured.size === 0 ? [] : [{ figure: 'diskBytes', value: used, capacity: size, parts: measured }];
    },
  };
}

/** Every device of a real file system once, by the first place where it is mounted outside of the engine's folders. */
export function disksOf(mounts: string, fileSystems: string, engineFolders: readonly string[]): readonly Disk[] {
  const lines = fileSystems.split('\n').filter((line) => line.startsWith('\t'));
  const real = new Set(['zfs', ...lines.map((line) => line.trim())]);
  const disks = new Map<string, Disk>();
  for (const { source: device, mountPoint, fileSystem } of parseMountTable(mounts)) {
    if (device === '' || device === 'none' || !real.has(fileSystem) || skippedTypes.includes(fileSystem)) continue;
    if (engineFolders.some((folder) => isAtOrBelow(mountPoint, folder))) continue;
    if (!disks.has(device) && disks.size < maxDisks) disks.set(device, { device, mountPoint });
  }
  return [...disks.values()];
}
