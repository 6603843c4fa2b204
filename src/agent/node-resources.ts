/** What this node has, what kernels have of it, and what is reported, for callers. */
import type { DeviceMetadata, HardwareInfo } from '../devices/device-plugin.ts';
import type { NodeDevices } from '../devices/node-devices.ts';
import { computePlugins, heartbeatSlots, shownMetadata } from '../devices/node-plugin.ts';
import { plainText, zero } from '../lib/decimal.ts';
import type { NumaNode } from '../resources/affinity.ts';
import { type DeviceShare, sharesOf } from '../resources/device-share.ts';
import { deviceOfSlot, type SlotType } from '../resources/slot-name.ts';

/** A slot; amounts are decimal texts, bytes in full. */
export interface SlotView {
  readonly slot: string;
  readonly type: SlotType;
  /** What is reported: without the reserve. */
  readonly available: string;
  readonly reserved: string;
  readonly used: string;
}

/** A device, and what kernels have of it. */
export interface DeviceView {
  readonly plugin: string;
  readonly id: string;
  readonly location: string;
  readonly memoryBytes: number;
  readonly processingUnits: number;
  readonly numaNode: NumaNode;
  readonly modelName: string;
  /** What kernels have of it. */
  readonly used: readonly { readonly slot: string; readonly amount: string }[];
}

/** Slots, devices and plugins of this node. */
export interface NodeResources {
  readonly slots: readonly SlotView[];
  readonly devices: readonly DeviceView[];
  /** Version and more of each plugin, as they are reported. */
  readonly plugins: Readonly<Record<string, Readonly<Record<string, string | boolean>>>>;
  /** By slot: its name for people, its unit, and how amounts are written. */
  readonly metadata: Readonly<Record<string, DeviceMetadata>>;
  /** How the hardware is, of plugins that know. */
  readonly hardware: Readonly<Record<string, HardwareInfo>>;
}

/** What is known of it without waiting for anything: the slots, and what plugins say of themselves. */
export function reportedResources(devices: NodeDevices): Pick<NodeResources, 'slots' | 'plugins'> {
  const { known, plugins, reserved } = devices;
  const used = devices.used();
  return {
    slots: Object.entries(heartbeatSlots(known, devices.available())).map(([slot, [type, available]]) => ({
      slot,
      type,
      available,
      reserved: plainText(reserved.get(slot) ?? zero),
      used: plainText(used.get(slot) ?? zero),
    })),
    plugins: computePlugins(plugins),
  };
}

/** Asks the plugins for the hardware and puts it beside what is known. */
export async function resourcesOf(devices: NodeDevices, signal: AbortSignal): Promise<NodeResources> {
  const { plugins } = devices;
  const held = sharesOf(devices.ledger.allocated());
  return {
    ...reportedResources(devices),
    devices: plugins.flatMap(({ key, devices: own }) =>
      own.map(({ id, location, memoryBytes, processingUnits, numaNode, modelName }) => ({
        plugin: key,
        id,
        location,
        memoryBytes,
        processingUnits,
        numaNode,
        modelName,
        used: usedOf(held, key, id),
      })),
    ),
    metadata: shownMetadata(plugins),
    hardware: Object.fromEntries(await devices.hardware(signal)),
  };
}

const usedOf = (held: readonly DeviceShare[], key: string, id: string): DeviceView['used'] =>
  held
    .filter(([slot, device, amount]) => device === id && deviceOfSlot(slot) === key && amount !== '0')
    .map(([slot, , amount]) => ({ slot, amount }));
