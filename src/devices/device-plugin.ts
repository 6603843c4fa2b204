/**
 * What every kind of device is to the rest of the program (spec resources-and-stats 2 and 3). A plugin of this form is
 * made from what was discovered, and answers from it alone, how much of its devices is used by the node, by each device and
 * by the kernels that hold them too (13.2, 13.3, 15.5): no I/O.
 */
import type { Decimal } from '../lib/decimal.ts';
import type { KernelId } from '../lib/ids.ts';
import { fields, number, type TypeOf, table, text } from '../lib/json-reader.ts';
import type { NumaNode } from '../resources/affinity.ts';
import { type Allocation, assignedIds } from '../resources/allocation.ts';
import type { AllocationMap } from '../resources/allocation-map.ts';
import type { DeviceArguments } from '../resources/device-arguments.ts';
import type { SlotAmounts } from '../resources/slot-amounts.ts';
import type { SlotType } from '../resources/slot-name.ts';

/** A device as plugins list it. */
export interface ComputeDevice {
  /** Unique in its plugin; no `,` and no `:`. */
  readonly id: string;
  /** The PCI bus id, or `root`. */
  readonly location: string;
  readonly memoryBytes: number;
  /** Cores or multiprocessors; of a CPU core the factor of overcommitment. */
  readonly processingUnits: number;
  readonly numaNode: NumaNode;
  readonly modelName: string;
}

/** How interfaces show a slot; the names of the fields are those of the specification (4.2). */
export interface DeviceMetadata {
  readonly slot_name: string;
  readonly description: string;
  readonly human_readable_name: string;
  readonly display_unit: string;
  readonly number_format: { readonly binary: boolean; readonly round_length: number };
  readonly display_icon: string;
}

/** A device of a kernel, as accounts of its session list it. */
export type AttachedDevice = TypeOf<typeof attachedDevice>;
/** How the record of a kernel keeps it. */
export const attachedDevice = fields({ device_id: text, model_name: text, data: table(number) });

/** A kind of device: its slots, what a kernel gets with it, and how it is shown. */
export interface DevicePlugin {
  /** The device name: what its slots begin with. */
  readonly key: string;
  readonly slotTypes: readonly (readonly [string, SlotType])[];
  readonly exclusiveSlots: readonly string[];
  /** Null when there is nothing to show, as of a plugin that is off. */
  readonly metadata: DeviceMetadata | null;
  /** What the plugin says of itself beside its version, as it is shown of a node. */
  readonly extraInfo: Readonly<Record<string, string | boolean>>;
  readonly devices: readonly ComputeDevice[];
  availableSlots(): SlotAmounts;
  createMap(): AllocationMap;
  /** What a kernel with these devices needs of its container. Throws when it must not be made. */
  arguments(allocation: Allocation): DeviceArguments;
  /** Lines for `resource.txt`. */
  resourceData(allocation: Allocation): readonly (readonly [string, string])[];
  attachedDevices(allocation: Allocation): readonly AttachedDevice[];
  /** How the hardware is; absent where nothing is known of it. */
  hardware?(): HardwareInfo;
  /** How much of its devices is used; absent where nothing is measured. */
  measure?(holders: readonly DeviceHolder[]): readonly DeviceMeasure[];
}

/** How the hardware is; readers refuse other states than these (spec 2.3). */
export interface HardwareInfo {
  readonly status: 'healthy' | 'degraded' | 'offline' | 'unavailable';
  readonly status_info: string | null;
  readonly metadata: Readonly<Record<string, string>>;
}

/** `0:ID,1:ID…`: how the container numbers its devices. */
export const numbered = (ids: readonly string[]): string => ids.map((id, index) => `${index}:${id}`).join(',');

/** One amount of a slot for each of its devices. */
export const sumBySlot = (devices: Iterable<readonly [string, Decimal]>): SlotAmounts => {
  const sums = new Map<string, Decimal>();
  for (const [slot, amount] of devices) sums.set(slot, sums.get(slot)?.plus(amount) ?? amount);
  return sums;
};

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
