/**
 * How much of devices is used: by the node, by each device, and by the kernels that hold them
 * (spec resources-and-stats 13.2, 13.3 and 15.5). Pure.
 */
import type { KernelId } from '../lib/ids.ts';
import { type Allocation, assignedIds } from '../resources/allocation.ts';

/** Moving statistics that may be written along with a measure. */
export const measureStatistics = ['min', 'max', 'sum', 'avg', 'diff', 'rate'] as const;

/** How a measure is named, counted and shown. */
export interface DeviceMeasureKind {
  /** `cuda_mem`: the plugin's key, and what is measured. */
  readonly key: string;
  /** `bytes`, `percent`, `Watts`, … */
  readonly unit: string;
  readonly filter: readonly (typeof measureStatistics)[number][];
  /** What is shown instead of a counter. */
  readonly hook: 'rate' | 'diff' | null;
}

/** An amount, and what it is out of; null where that is not known. */
export interface MeasuredAmount {
  readonly value: number;
  readonly capacity: number | null;
}

/** One measure of all devices of a plugin, at one moment. */
export interface DeviceMeasure extends DeviceMeasureKind {
  readonly node: MeasuredAmount;
  readonly devices: ReadonlyMap<string, MeasuredAmount>;
  readonly kernels: ReadonlyMap<KernelId, MeasuredAmount>;
  /** Of processes in kernels' containers, by pid as the host counts. */
  readonly processes: ReadonlyMap<number, MeasuredAmount>;
}

/** A kernel with devices of a plugin. */
export interface DeviceHolder {
  readonly kernel: KernelId;
  readonly container: string;
  /** Slots and devices of this plugin; those of other plugins are left out. */
  readonly allocation: Allocation;
  /** Of its processes, as the host counts them; none are looked for where it has no device. */
  readonly pids: readonly number[];
}

/** Amounts added up; the capacity is null when that of any is. */
export function summed(amounts: Iterable<MeasuredAmount>): MeasuredAmount {
  const all = [...amounts];
  const capacities = all.map(({ capacity }) => capacity);
  return {
    value: all.reduce((total, { value }) => total + value, 0),
    capacity: capacities.includes(null)
      ? null
      : capacities.reduce<number>((total, capacity) => total + (capacity ?? 0), 0),
  };
}

/**
 * The measure of devices that are told apart: the node has the sum, and a kernel that of the devices which it has a part
 * of. A kernel whose devices none was measured of is left out.
 */
export function wholeDeviceMeasure(
  kind: DeviceMeasureKind,
  devices: ReadonlyMap<string, MeasuredAmount>,
  holders: readonly DeviceHolder[],
): DeviceMeasure {
  const kernels = holders.flatMap(({ kernel, allocation }) => {
    const own = assignedIds(allocation).flatMap((id) => devices.get(id) ?? []);
    return own.length > 0 ? [[kernel, summed(own)] as const] : [];
  });
  return { ...kind, node: summed(devices.values()), devices, kernels: new Map(kernels), processes: new Map() };
}
