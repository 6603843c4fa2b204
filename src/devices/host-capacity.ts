/**
 * CPUs and memory that this machine has for kernels. A machine that is a container itself has the limits of its own
 * root cgroup; limits of the agent's own service don't count, since kernels don't run inside of it.
 */
import { readFile } from 'node:fs/promises';
import { arch, cpus } from 'node:os';
import { KerneletError } from '../lib/errors.ts';

/** CPUs and memory of a machine, within the limits of the cgroup that the daemon is in. */
export interface HostCapacity {
  readonly cpus: number;
  readonly memoryBytes: number;
}

/** The texts that the capacity is read from; undefined where a file is absent. */
export interface HostTexts {
  readonly processors: number;
  /** `/proc/meminfo`. */
  readonly meminfo: string;
  /** `cpu.max` of cgroup v2: `max 100000` or `150000 100000`. */
  readonly cpuMax?: string | undefined;
  /** `cpu.cfs_quota_us` and `cpu.cfs_period_us` of cgroup v1; the quota is -1 without a limit. */
  readonly cpuQuota?: string | undefined;
  readonly cpuPeriod?: string | undefined;
  /** `memory.max` (v2) or `memory.limit_in_bytes` (v1). */
  readonly memoryLimits: readonly (string | undefined)[];
}

/** What the texts say. Throws INTERNAL when the memory can't be read. */
export function parseHostCapacity(texts: HostTexts): HostCapacity {
  const kibibytes = /^MemTotal:\s+(\d+) kB$/m.exec(texts.meminfo)?.[1];
  if (kibibytes === undefined) throw new KerneletError('INTERNAL', '/proc/meminfo has no line MemTotal');
  const [quota, period] = texts.cpuMax?.trim().split(' ') ?? [texts.cpuQuota, texts.cpuPeriod];
  const limits = texts.memoryLimits.map(positive).filter((limit) => limit !== undefined);
  const cpuLimit = (positive(quota) ?? Infinity) / (positive(period) ?? 100_000);
  return {
    cpus: Math.max(0.01, Math.floor(Math.min(texts.processors, cpuLimit) * 100) / 100),
    memoryBytes: Math.min(Number(kibibytes) * 1024, ...limits),
  };
}

/** `max`, `-1` and absent files mean: no limit. */
function positive(text: string | undefined): number | undefined {
  const number = Number(text?.trim() || Number.NaN);
  return number > 0 ? number : undefined;
}

/** Reads this machine's capacity; a file of a cgroup that is missing bounds nothing. */
export async function readHostCapacity(): Promise<HostCapacity> {
  const read = (path: string): Promise<string | undefined> => readFile(path, 'utf8').catch(() => undefined);
  const group = (path: string): Promise<string | undefined> => read(`/sys/fs/cgroup/${path}`);
  const [meminfo, cpuMax, cpuQuota, cpuPeriod, ...memoryLimits] = await Promise.all([
    readFile('/proc/meminfo', 'utf8'),
    group('cpu.max'),
    group('cpu/cpu.cfs_quota_us'),
    group('cpu/cpu.cfs_period_us'),
    group('memory.max'),
    group('memory/memory.limit_in_bytes'),
  ]);
  return parseHostCapacity({ processors: cpus().length, meminfo, cpuMax, cpuQuota, cpuPeriod, memoryLimits });
}

const names: Readonly<Record<string, string>> = { x64: 'x86_64', arm64: 'aarch64' };

/** `x86_64`, `aarch64`. */
export const machineName = (): string => names[arch()] ?? arch();
