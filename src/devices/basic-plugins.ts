/** CPU cores and memory as devices: the two plugins without which there is no node. */
import { readdir, readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { Decimal, isAboveZero, sum, zero } from '../lib/decimal.ts';
import type { NumaNode } from '../resources/affinity.ts';
import { type Allocation, assignedIds } from '../resources/allocation.ts';
import { AllocationMap } from '../resources/allocation-map.ts';
import { parseCpuset } from '../resources/cpuset.ts';
import { ResourceError } from '../resources/resource-error.ts';
import type { DeviceMetadata, DevicePlugin } from './device-plugin.ts';

/** The usable cores, and what hardware reports say of the machine. */
export interface CpuFacts {
  /** Usable cores, ascending, each with its NUMA node. */
  readonly cores: readonly { readonly core: number; readonly numaNode: NumaNode }[];
  /** How often each core is given out. */
  readonly overcommit: number;
  readonly agentVersion: string;
  /** `x86_64`, and `Linux`. */
  readonly machine: string;
  readonly system: string;
}

/** What is shown of the slot. */
export const cpuMetadata: DeviceMetadata = {
  slot_name: 'cpu',
  description: 'CPU',
  human_readable_name: 'CPU',
  display_unit: 'Core',
  number_format: { binary: false, round_length: 0 },
  display_icon: 'cpu',
};

/** The plugin has one slot, so that each core is there once. */
const coresOf = (allocation: Allocation): readonly string[] =>
  assignedIds(allocation).toSorted((left, right) => Number(left) - Number(right));

/** The sum of whole numbers, of which there are few different ones. */
function wholeSum(amounts: Iterable<Decimal>): number {
  const numbers = new Map<Decimal, number>();
  let total = 0;
  for (const amount of amounts) {
    const number = numbers.get(amount) ?? amount.toNumber();
    numbers.set(amount, number);
    total += number;
  }
  return total;
}

/** Kernels are pinned to whole cores, each of which is given out as often as `overcommit` says. */
export function cpuPlugin({ cores, overcommit, agentVersion, machine, system }: CpuFacts): DevicePlugin {
  const capacity = new Decimal(overcommit);
  const ids = cores.map(({ core }) => String(core));
  return {
    key: 'cpu',
    slotTypes: [['cpu', 'count']],
    exclusiveSlots: [],
    metadata: cpuMetadata,
    extraInfo: { agent_version: agentVersion, machine, os_type: system },
    devices: cores.map(({ core, numaNode }) => ({
      id: String(core),
      location: 'root',
      memoryBytes: 0,
      processingUnits: overcommit,
      numaNode,
      modelName: '',
    })),
    availableSlots: () => new Map([['cpu', capacity.times(cores.length)]]),
    createMap: () =>
      new AllocationMap({
        kind: 'discrete',
        strategy: 'evenly',
        devices: ids.map((id) => ({ id, slot: 'cpu', type: 'count', amount: capacity })),
      }),
    arguments(allocation) {
      const distinct = coresOf(allocation);
      // The engine takes an empty set for all cores.
      if (distinct.length === 0) {
        throw new ResourceError({ kind: 'invalid-amount', slot: 'cpu', problem: 'The kernel has no CPU core' });
      }
      return { cores: distinct };
    },
    resourceData: () => [],
    attachedDevices(allocation) {
      const amounts = allocation.get('cpu') ?? new Map<string, Decimal>();
      const data = { cores: wholeSum(amounts.values()) };
      const held = ids.filter((id) => isAboveZero(amounts.get(id) ?? zero));
      return held.map((id) => ({ device_id: id, model_name: '', data }));
    },
  };
}

/** A core and its NUMA node. */
export interface PlacedCore {
  readonly core: number;
  readonly numaNode: number;
}

/** Where the engine keeps its containers' cgroups. */
export interface CgroupFacts {
  readonly version: 1 | 2;
  /** The cgroup above them: `system.slice`. */
  readonly parent: string;
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
  const { version, parent } = cgroups;
  const mounts = await readOrNull(join(root, 'proc/mounts'));
  const mount = mounts
    ?.split('\n')
    .map((line) => line.split(' '))
    .find(([, , type, options = '']) =>
      version === 2 ? type === 'cgroup2' : type === 'cgroup' && options.split(',').includes('cpuset'),
    )?.[1];
  if (mount === undefined) return null;
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

/** CPUs that kernels share without being pinned. */
export interface SharedCpus {
  /** With fractions, times the overcommitment. */
  readonly cpus: number;
}

const id = 'any';

/** For standalone agents: CPU time is divided among kernels by their limits. */
export function sharedCpuPlugin({ cpus }: SharedCpus): DevicePlugin {
  const amount = new Decimal(cpus);
  return {
    key: 'cpu',
    slotTypes: [['cpu', 'count']],
    exclusiveSlots: [],
    metadata: cpuMetadata,
    extraInfo: {},
    devices: [{ id, location: 'root', memoryBytes: 0, processingUnits: cpus, numaNode: null, modelName: '' }],
    availableSlots: () => new Map([['cpu', amount]]),
    createMap: () =>
      new AllocationMap({
        kind: 'discrete',
        strategy: 'fill',
        devices: [{ id, slot: 'cpu', type: 'count', amount }],
      }),
    arguments: () => ({}),
    resourceData: () => [],
    attachedDevices: () => [],
  };
}

/** What is shown of the slot; its name is of old. */
export const memMetadata: DeviceMetadata = {
  slot_name: 'ram',
  description: 'Memory',
  human_readable_name: 'RAM',
  display_unit: 'GiB',
  number_format: { binary: true, round_length: 0 },
  display_icon: 'ram',
};

/** The plugin. `totalBytes` is the memory of the machine times the factor of overcommitment. */
export function memPlugin(totalBytes: number): DevicePlugin {
  const amount = new Decimal(totalBytes);
  return {
    key: 'mem',
    slotTypes: [['mem', 'bytes']],
    exclusiveSlots: [],
    metadata: memMetadata,
    extraInfo: {},
    devices: [
      { id: 'root', location: 'root', memoryBytes: totalBytes, processingUnits: 0, numaNode: 0, modelName: '' },
    ],
    availableSlots: () => new Map([['mem', amount]]),
    createMap: () =>
      new AllocationMap({
        kind: 'discrete',
        strategy: 'fill',
        devices: [{ id: 'root', slot: 'mem', type: 'bytes', amount }],
      }),
    arguments(allocation) {
      const bytes = sum(allocation.get('mem')?.values() ?? []).toNumber();
      // The engine takes 0 for no limit.
      if (!(bytes > 0)) {
        throw new ResourceError({ kind: 'invalid-amount', slot: 'mem', problem: 'The kernel has no memory' });
      }
      return { memoryBytes: bytes };
    },
    resourceData: () => [],
    attachedDevices: (allocation) =>
      allocation.get('mem')?.has('root') ? [{ device_id: 'root', model_name: '', data: {} }] : [],
  };
}
