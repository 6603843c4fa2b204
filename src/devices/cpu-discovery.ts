/**
 * Which CPU cores kernels may have, and where they are (spec resources-and-stats 5.1): the cpuset of the engine's cgroup,
 * else those that this process may use. A machine that is a container with a quota of CPUs has as many cores as that.
 */
import { readdir, readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { parseCpuset } from '../resources/cpuset.ts';

/** A core and its NUMA node. */
export interface PlacedCore {
  readonly core: number;
  readonly numaNode: number;
}

/** How the engine keeps its containers' cgroups; null when it doesn't answer. */
export interface CgroupFacts {
  readonly version: 1 | 2;
  readonly driver: string;
}

/** The cores, ascending. `root` stands for `/`, and `quota` is the most CPUs that the machine may use. */
export async function discoverCores(
  cgroups: CgroupFacts | null,
  quota: number,
  root = '/',
): Promise<readonly PlacedCore[]> {
  const cores = (await engineCores(cgroups, root)) ?? (await allowedCores(root)) ?? allCores();
  const usable = cores.slice(0, Math.max(1, Math.floor(quota)));
  return await Promise.all(usable.map(async (core) => ({ core, numaNode: await numaNodeOf(core, root) })));
}

async function engineCores(cgroups: CgroupFacts | null, root: string): Promise<readonly number[] | null> {
  if (!cgroups) return null;
  const { version, driver } = cgroups;
  const mounts = await readOrNull(join(root, 'proc/mounts'));
  const mount = mounts
    ?.split('\n')
    .map((line) => line.split(' '))
    .find(([, , type, options = '']) =>
      version === 2 ? type === 'cgroup2' : type === 'cgroup' && options.split(',').includes('cpuset'),
    )?.[1];
  if (mount === undefined) return null;
  const parent = driver === 'systemd' ? 'system.slice' : 'docker';
  const file = version === 2 ? 'cpuset.cpus.effective' : 'cpuset.effective_cpus';
  return parseOrNull(await readOrNull(join(root, mount, parent, file)));
}

async function allowedCores(root: string): Promise<readonly number[] | null> {
  const status = await readOrNull(join(root, 'proc/self/status'));
  return parseOrNull(/^Cpus_allowed_list:\s*(\S+)$/m.exec(status ?? '')?.[1] ?? null);
}

const allCores = (): readonly number[] => Array.from({ length: availableParallelism() }, (_, core) => core);

async function numaNodeOf(core: number, root: string): Promise<number> {
  const names = await readdir(join(root, `sys/devices/system/cpu/cpu${core}`)).catch(() => []);
  const nodes = names.flatMap((name) => /^node(\d{1,4})$/.exec(name)?.[1] ?? []);
  return Number(nodes[0] ?? 0);
}

const readOrNull = (path: string): Promise<string | null> => readFile(path, 'utf8').catch(() => null);

/** A list that is empty or damaged says nothing. */
function parseOrNull(text: string | null): readonly number[] | null {
  try {
    return text === null ? null : parseCpuset(text);
  } catch {
    return null;
  }
}
