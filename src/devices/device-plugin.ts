/**
 * What every kind of device is to the rest of the program (spec resources-and-stats 2 and 3). A plugin of this form is
 * made from what was discovered, and answers from it alone: no I/O.
 */
import type { Decimal } from '../lib/decimal.ts';
import { fields, number, type TypeOf, table, text } from '../lib/json-reader.ts';
import type { NumaNode } from '../resources/affinity.ts';
import type { Allocation } from '../resources/allocation.ts';
import type { AllocationMap } from '../resources/allocation-map.ts';
import type { DeviceArguments } from '../resources/device-arguments.ts';
import type { SlotAmounts } from '../resources/slot-amounts.ts';
import type { SlotType } from '../resources/slot-name.ts';
import type { DeviceHolder, DeviceMeasure } from './device-measures.ts';

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
