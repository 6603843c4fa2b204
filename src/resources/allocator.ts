/**
 * Allocates a kernel over several device types, all of it or nothing (spec resources-and-stats 9.2 and 9.3). Types come
 * in the configured order, and each is placed near the devices that the one before it gave.
 */
import type { Decimal } from '../lib/decimal.ts';
import type { AffinityMap, AffinityPolicy, AffinityRule, DeviceReference } from './affinity.ts';
import type { Allocation } from './allocation.ts';
import type { AllocationMap } from './allocation-map.ts';
import { ResourceError } from './resource-error.ts';
import type { SlotAmounts } from './slot-amounts.ts';
import { belongsTo, deviceOfSlot } from './slot-name.ts';

/** What a kernel has: device type → slot → device id → amount, in the order of allocation. */
export type KernelAllocation = ReadonlyMap<string, Allocation>;

/** How to make an allocator. */
export interface AllocatorOptions {
  /** The map of each device type, in plugin order. */
  readonly maps: ReadonlyMap<string, AllocationMap>;
  readonly affinity: AffinityMap;
  /** Device types in the order in which they are allocated. */
  readonly order: readonly string[];
  readonly policy: AffinityPolicy;
  readonly rule?: AffinityRule;
}

/**
 * The order with the device types that it lacks put before `cpu`, or at the end: one plugin that isn't in the
 * configuration must not keep every kernel from being created.
 */
export function completeOrder(order: readonly string[], types: Iterable<string>): readonly string[] {
  const missing = [...types].filter((type) => !order.includes(type));
  const cpu = order.indexOf('cpu');
  return cpu < 0 ? [...order, ...missing] : order.toSpliced(cpu, 0, ...missing);
}

/** Allocates over the maps of a node. */
export class Allocator {
  readonly #options: AllocatorOptions;
  readonly #order: readonly string[];

  constructor(options: AllocatorOptions) {
    this.#options = options;
    this.#order = completeOrder(options.order, options.maps.keys());
  }

  /**
   * Takes all slots. A device type that is asked for nothing has an empty allocation. Throws ResourceError for a slot
   * of no device type, or what the maps throw; then nothing has changed.
   */
  allocate(slots: SlotAmounts, options: { readonly mayFragment?: boolean } = {}): KernelAllocation {
    const { affinity, policy, rule = '24.09' } = this.#options;
    const maps = this.#mapsOf(slots);
    const before = maps.map(([, map]) => [map, map.snapshot()] as const);
    const result = new Map<string, Allocation>();
    let devices: readonly DeviceReference[] = [];
    try {
      for (const [type, map] of maps) {
        const allocation = map.allocate({
          slots: [...slots].filter(([slot]) => belongsTo(slot, type)),
          hint: { devices, affinity, policy, rule },
          tag: type,
          ...options,
        });
        result.set(type, allocation);
        devices = [...allocation.values()].flatMap((amounts) =>
          [...amounts.keys()].map((id) => ({ device: type, id })),
        );
      }
    } catch (error) {
      for (const [map, snapshot] of before) map.restore(snapshot);
      throw error;
    }
    return result;
  }

  /** Gives back what a kernel has. */
  free(allocation: KernelAllocation): void {
    for (const [type, ofType] of allocation) this.#options.maps.get(type)?.free(ofType);
  }

  /** Enters what a kernel of an earlier process has. Returns what this node hasn't, as `slot device`. */
  apply(allocation: KernelAllocation): readonly string[] {
    return [...allocation].flatMap(([type, ofType]) => {
      const map = this.#options.maps.get(type);
      if (map) return map.apply(ofType);
      return [...ofType].flatMap(([slot, amounts]) => [...amounts.keys()].map((id) => `${slot} ${id}`));
    });
  }

  /** Forgets the allocations of all maps, so that they can be built again from what kernels hold. */
  clear(): void {
    for (const map of this.#options.maps.values()) map.clear();
  }

  /** What is allocated of everything, in plugin order. */
  allocated(): KernelAllocation {
    return new Map([...this.#options.maps].map(([type, map]) => [type, map.allocated()]));
  }

  /** The maps of the device types that are named, in the order in which they allocate. */
  #mapsOf(slots: SlotAmounts): readonly (readonly [type: string, map: AllocationMap])[] {
    const named = new Map<string, AllocationMap>();
    for (const [slot, amount] of slots) {
      const type = deviceOfSlot(slot);
      const map = this.#options.maps.get(type);
      if (map) named.set(type, map);
      else if (isSome(amount)) throw new ResourceError({ kind: 'unknown-slot', slot });
    }
    return [...named].sort(([left], [right]) => this.#order.indexOf(left) - this.#order.indexOf(right));
  }
}

const isSome = (amount: Decimal): boolean => !amount.isZero();
