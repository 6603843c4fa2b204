/**
 * A plugin as the node uses it: what it has is known, what it says of an allocation is asked for, in whatever
 * process; and what a node tells of its plugins and their slots (spec resources-and-stats 4 and 11).
 */

import { plainText, zero } from '../lib/decimal.ts';
import { KerneletError } from '../lib/errors.ts';
import type { Allocation } from '../resources/allocation.ts';
import type { SlotAmounts } from '../resources/slot-amounts.ts';
import { checkAcceleratorSlots, type KnownSlots, type SlotType } from '../resources/slot-name.ts';
import type { DeviceHolder, DeviceMeasure, DeviceMetadata, DevicePlugin, HardwareInfo } from './device-plugin.ts';
import type { DeviceAnswers } from './device-provision.ts';

/** What of a kernel's image matters to what comes with a device. */
export interface ImageFacts {
  /** Such as `ubuntu22.04`; null when nobody knows. */
  readonly distro: string | null;
}

/** A plugin of the node. */
export interface NodePlugin
  extends Omit<DevicePlugin, 'arguments' | 'resourceData' | 'attachedDevices' | 'hardware' | 'measure'> {
  readonly version: string;
  /** Rejects when the kernel must not be made, or when the plugin doesn't answer in time. */
  answer(allocation: Allocation, signal: AbortSignal, image?: ImageFacts): Promise<DeviceAnswers>;
  /** Null when it knows nothing of it. */
  hardware(signal: AbortSignal): Promise<HardwareInfo | null>;
  /** Measures its devices now; absent where it can't. Rejects when it doesn't answer in time. */
  measure?(holders: readonly DeviceHolder[], signal: AbortSignal): Promise<readonly DeviceMeasure[]>;
}

/** A plugin of this program. */
export function inProcess({ measure, ...plugin }: DevicePlugin, version: string): NodePlugin {
  return {
    ...plugin,
    version,
    ...(measure ? { measure: async (holders) => measure(holders) } : {}),
    async answer(allocation) {
      return {
        arguments: plugin.arguments(allocation),
        resourceData: plugin.resourceData(allocation),
        attached: plugin.attachedDevices(allocation),
      };
    },
    async hardware() {
      return plugin.hardware?.() ?? null;
    },
  };
}

const intrinsic = ['cpu', 'mem'];
const idForm = /^[^,:\s\0]{1,256}$/;
const slotForm = /^[a-z0-9_-]{1,64}(\.[a-z0-9_.:*-]{1,64})?$/;
const maxSlots = 64;
const maxDevices = 4096;

/**
 * Checks a plugin beside those that are there already (spec resources-and-stats 4 and 12). Throws INVALID_CONFIG: two of
 * one key, slots of another's name, devices that could not be told apart or written down.
 */
export function checkPlugin(plugin: NodePlugin, others: readonly NodePlugin[]): void {
  const { key, devices, slotTypes } = plugin;
  const invalid = (problem: string): KerneletError =>
    new KerneletError('INVALID_CONFIG', `the device plugin ${key} ${problem}`, { context: { plugin: key } });
  if (others.some((other) => other.key === key)) {
    throw new KerneletError(
      'INVALID_CONFIG',
      `A plugin defining the same key '${key}' already exists. You may need to uninstall it first.`,
    );
  }
  if (!intrinsic.includes(key)) {
    checkAcceleratorSlots(
      key,
      slotTypes.map(([slot]) => slot),
    );
  }
  const odd = slotTypes.find(([slot]) => !slotForm.test(slot));
  if (odd) throw invalid(`has the slot ${JSON.stringify(odd[0])}, which is not in small letters`);
  if (slotTypes.length > maxSlots) throw invalid(`has ${slotTypes.length} slots, at most ${maxSlots} can be`);
  if (devices.length > maxDevices) throw invalid(`has ${devices.length} devices, at most ${maxDevices} can be`);
  const ids = new Set<string>();
  for (const { id } of devices) {
    if (!idForm.test(id)) throw invalid(`has a device ${JSON.stringify(id.slice(0, 80))}, whose id has "," or ":"`);
    if (ids.has(id)) throw invalid(`has two devices with the id ${id}`);
    ids.add(id);
  }
  const slots = new Set(slotTypes.map(([slot]) => slot));
  for (const { id, slot } of plugin.createMap().options.devices) {
    if (!ids.has(id)) throw invalid(`offers the device ${id}, which it doesn't list`);
    if (!slots.has(slot)) throw invalid(`offers the slot ${slot}, which it doesn't declare`);
  }
}

/** `resource_slots` of a heartbeat: type and amount of every declared slot, 0 for one that was not found. */
export const heartbeatSlots = (
  known: KnownSlots,
  available: SlotAmounts,
): Readonly<Record<string, readonly [SlotType, string]>> =>
  Object.fromEntries([...known].map(([slot, type]) => [slot, [type, plainText(available.get(slot) ?? zero)]]));

/** `compute_plugins` of a heartbeat; what a plugin says of itself may override its version. */
export const computePlugins = (
  plugins: readonly NodePlugin[],
): Readonly<Record<string, Readonly<Record<string, string | boolean>>>> =>
  Object.fromEntries(plugins.map(({ key, version, extraInfo }) => [key, { version, ...extraInfo }]));

/** What is shown of slots, by slot; plugins that are off show nothing. */
export const shownMetadata = (plugins: readonly NodePlugin[]): Readonly<Record<string, DeviceMetadata>> =>
  Object.fromEntries(plugins.flatMap(({ metadata }) => (metadata ? [[metadata.slot_name, metadata]] : [])));
