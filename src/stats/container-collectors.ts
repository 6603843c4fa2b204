/** The collectors of a container's figures: which files of its cgroup and of `/proc` they lie in, and how they are read. */
import type { CgroupFolder } from './cgroup.ts';
import type { ContainerSample, Stall } from './container-sample.ts';
import { keyedNumber, neededNumber, numberOrMax, onlyNumber, toNumber, UnexpectedText, whole } from './file-text.ts';
import type { KeptFile } from './open-file-cache.ts';

/** Where the files of one container lie. What is opened here is closed with the container. */
export interface ContainerPlace {
  /** Its `/proc` folder. */
  readonly processFolder: string;
  /** Where a controller's files are; null where the host has none. */
  folder(controller: string): CgroupFolder | null;
  /** Its folder of the v2 tree; null where there is no such tree. */
  unified(): string | null;
  /** A file that must be there. */
  file(path: string): Pick<KeptFile, 'read'>;
  /** A file that not every host has. */
  optional(path: string): { read(): string | null };
  /** What the node has, for containers without a limit. */
  readonly nodeMemoryBytes: number;
}

/** Reads the figures now. Throws UnexpectedText or the system's error. */
export type ReadFigures = () => Partial<ContainerSample>;

/** Figures that are read together, since they lie in the same files. */
export interface ContainerCollector {
  readonly name: string;
  /** Whether a host without it has something wrong, which is reported. */
  readonly needed?: true;
  /** null where the host has nothing of it. */
  open(place: ContainerPlace): ReadFigures | null;
}

/** CPU time, and how much of it the limit held back. */
export const containerCpu: ContainerCollector = {
  name: 'cpu',
  needed: true,
  open(place): ReadFigures | null {
    const usage = place.folder('cpuacct');
    const limit = place.folder('cpu');
    if (usage === null) return null;
    if (usage.version === 2) {
      const file = place.file(`${usage.path}/cpu.stat`);
      return () => {
        const text = file.read();
        return {
          cpuMicroseconds: neededNumber(text, 'usage_usec', 'cpu.stat'),
          // Without the controller these lines are missing.
          throttledMicroseconds: keyedNumber(text, 'throttled_usec', 'cpu.stat'),
          cpuPeriods: keyedNumber(text, 'nr_periods', 'cpu.stat'),
          throttledPeriods: keyedNumber(text, 'nr_throttled', 'cpu.stat'),
        };
      };
    }
    const nanoseconds = place.file(`${usage.path}/cpuacct.usage`);
    const throttling = limit === null ? null : place.optional(`${limit.path}/cpu.stat`);
    return () => {
      const text = throttling?.read() ?? null;
      const throttled = text === null ? null : keyedNumber(text, 'throttled_time', 'cpu.stat');
      return {
        cpuMicroseconds: Math.round(onlyNumber(nanoseconds.read(), 'cpuacct.usage') / 1000),
        throttledMicroseconds: throttled === null ? null : Math.round(throttled / 1000),
        cpuPeriods: text === null ? null : keyedNumber(text, 'nr_periods', 'cpu.stat'),
        throttledPeriods: text === null ? null : keyedNumber(text, 'nr_throttled', 'cpu.stat'),
      };
    };
  },
};

/** The names of the files and keys of memory in both versions of cgroups. */
const memoryNames = {
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

/** Memory: in use, the most ever, the limit, and kills for want of it. */
export const containerMemory: ContainerCollector = {
  name: 'memory',
  needed: true,
  open(place): ReadFigures | null {
    const folder = place.folder('memory');
    if (folder === null) return null;
    const { now, peak, limit, cache, events } = memoryNames[folder.version];
    const current = place.file(`${folder.path}/${now}`);
    const stat = place.file(`${folder.path}/memory.stat`);
    const most = place.file(`${folder.path}/${limit}`);
    // Kernels before 5.19 keep no peak in v2, those before 4.13 don't count kills.
    const highest = place.optional(`${folder.path}/${peak}`);
    const counts = place.optional(`${folder.path}/${events}`);
    return () => {
      const charged = onlyNumber(current.read(), now);
      const droppable = neededNumber(stat.read(), cache, 'memory.stat');
      const peakText = highest.read();
      const eventsText = counts.read();
      const bound = numberOrMax(most.read(), limit);
      return {
        memoryBytes: Math.max(0, charged - droppable),
        memoryPeakBytes: peakText === null ? null : Math.max(charged, onlyNumber(peakText, peak)),
        // v1 says a number above all memory for none.
        memoryLimitBytes: Math.min(bound ?? place.nodeMemoryBytes, place.nodeMemoryBytes),
        outOfMemoryKills: eventsText === null ? null : keyedNumber(eventsText, 'oom_kill', events),
      };
    };
  },
};

/** Processes and threads, and their limit. Both versions of cgroups agree on the files. */
export const containerProcesses: ContainerCollector = {
  name: 'processes',
  open(place): ReadFigures | null {
    const folder = place.folder('pids') ?? place.folder('memory');
    if (folder === null) return null;
    const current = place.optional(`${folder.path}/pids.current`);
    const most = place.optional(`${folder.path}/pids.max`);
    const events = place.optional(`${folder.path}/pids.events`);
    const list = place.file(`${folder.path}/cgroup.procs`);
    return () => {
      const counted = current.read();
      const limit = most.read();
      const hits = events.read();
      return {
        // Without the controller the list is counted, which leaves out threads.
        processes: counted === null ? countedLines(list.read()) : onlyNumber(counted, 'pids.current'),
        processesLimit: limit === null ? null : numberOrMax(limit, 'pids.max'),
        processLimitHits: hits === null ? null : keyedNumber(hits, 'max', 'pids.events'),
      };
    };
  },
};

function countedLines(text: string): number {
  const count = whole(text, 'cgroup.procs').split('\n').length - 1;
  if (!/^(\d+\n)+$/.test(text)) throw new UnexpectedText('cgroup.procs has a line that is no number');
  return count;
}

/** Bytes read from and written to disks. */
export const containerDisk: ContainerCollector = {
  name: 'disk',
  open(place): ReadFigures | null {
    const folder = place.folder('blkio');
    if (folder === null) return null;
    const name = folder.version === 1 ? 'blkio.throttle.io_service_bytes' : 'io.stat';
    const file = place.optional(`${folder.path}/${name}`);
    return () => {
      const text = file.read();
      if (text === null) return {};
      return folder.version === 1 ? serviceBytes(text, name) : ioStat(text, name);
    };
  },
};

interface DiskBytes {
  readonly readBytes: number;
  readonly writtenBytes: number;
}

/** Lines `8:0 Read 4096`, and `Total 4096` at the end. */
function serviceBytes(text: string, file: string): DiskBytes {
  let readBytes = 0;
  let writtenBytes = 0;
  let complete = false;
  for (const line of whole(text, file).slice(0, -1).split('\n')) {
    const [device = '', operation = '', bytes = ''] = line.split(' ');
    if (device === 'Total') complete = true;
    else if (operation === 'Read') readBytes += toNumber(bytes, file);
    else if (operation === 'Write') writtenBytes += toNumber(bytes, file);
  }
  if (!complete) throw new UnexpectedText(`${file} has no line Total`);
  return { readBytes, writtenBytes };
}

/** Lines `8:0 rbytes=4096 wbytes=0 …`; some kernels put several devices before the pairs. None = nothing happened. */
function ioStat(text: string, file: string): DiskBytes {
  let readBytes = 0;
  let writtenBytes = 0;
  if (text !== '') whole(text, file);
  for (const word of text.split(/\s/)) {
    if (word.startsWith('rbytes=')) readBytes += toNumber(word.slice(7), file);
    else if (word.startsWith('wbytes=')) writtenBytes += toNumber(word.slice(7), file);
  }
  return { readBytes, writtenBytes };
}

/** Bytes over the network, from the container's own namespace: the counters of interfaces in `/proc/…/net/dev`. */
export const containerNetwork: ContainerCollector = {
  name: 'network',
  open(place) {
    // The open file keeps the namespace: its figures stay the container's, even when the pid is given to another.
    const file = place.file(`${place.processFolder}/net/dev`);
    return () => networkBytes(file.read(), { loopback: false });
  },
};

/** Bytes of all interfaces of a namespace. */
export interface NetworkBytes {
  readonly receivedBytes: number;
  readonly sentBytes: number;
}

/** Sums the interfaces, with or without `lo`. */
export function networkBytes(text: string, options: { readonly loopback: boolean }): NetworkBytes {
  const [first, second, ...lines] = whole(text, 'net/dev').slice(0, -1).split('\n');
  if (!first?.startsWith('Inter-|') || !second?.includes('face')) throw new UnexpectedText('net/dev has no heading');
  let receivedBytes = 0;
  let sentBytes = 0;
  let hasLoopback = false;
  for (const line of lines) {
    // Names may hold colons; the last one ends the name.
    const colon = line.lastIndexOf(':');
    const fields = line
      .slice(colon + 1)
      .trim()
      .split(/ +/);
    if (colon < 0 || fields.length < 9) throw new UnexpectedText('net/dev has a line that is cut off');
    const isLoopback = line.slice(0, colon).trim() === 'lo';
    hasLoopback ||= isLoopback;
    if (isLoopback && !options.loopback) continue;
    receivedBytes += toNumber(fields[0] ?? '', 'net/dev');
    sentBytes += toNumber(fields[8] ?? '', 'net/dev');
  }
  // Every namespace has it.
  if (!hasLoopback) throw new UnexpectedText('net/dev has no interface lo');
  return { receivedBytes, sentBytes };
}

/** How long processes waited for CPU, memory and disks, where the kernel tells (v2 trees, Linux 4.20 and later). */
export const containerPressure: ContainerCollector = {
  name: 'pressure',
  open(place): ReadFigures | null {
    const folder = place.unified();
    if (folder === null) return null;
    const cpu = place.optional(`${folder}/cpu.pressure`);
    const memory = place.optional(`${folder}/memory.pressure`);
    const io = place.optional(`${folder}/io.pressure`);
    return () => ({
      cpuStall: parsePressure(cpu.read(), 'cpu.pressure'),
      memoryStall: parsePressure(memory.read(), 'memory.pressure'),
      ioStall: parsePressure(io.read(), 'io.pressure'),
    });
  },
};

/** Lines `some avg10=0.00 avg60=0.00 avg300=0.00 total=422` and, not everywhere, `full …`. null stays null. */
function parsePressure(text: string | null, file: string): Stall | null {
  if (text === null) return null;
  const some = totalStall(whole(text, file), 'some', file);
  if (some === null) throw new UnexpectedText(`${file} has no line some`);
  return { some, full: totalStall(text, 'full', file) };
}

function totalStall(text: string, kind: 'some' | 'full', file: string): number | null {
  const line = text.split('\n').find((candidate) => candidate.startsWith(`${kind} `));
  if (line === undefined) return null;
  const at = line.indexOf(' total=');
  if (at < 0) throw new UnexpectedText(`${file} has no total`);
  return toNumber(line.slice(at + ' total='.length), file);
}
