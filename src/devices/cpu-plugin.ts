/** CPU cores (spec resources-and-stats 5). */
import { Decimal, isAboveZero, zero } from '../lib/decimal.ts';
import type { NumaNode } from '../resources/affinity.ts';
import { type Allocation, assignedIds } from '../resources/allocation.ts';
import { AllocationMap } from '../resources/allocation-map.ts';
import { ResourceError } from '../resources/resource-error.ts';
import type { DeviceMetadata, DevicePlugin } from './device-plugin.ts';

/** What was discovered. */
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

/** The plugin. */
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
