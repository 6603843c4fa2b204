/** What a node tells of its devices, in the forms of heartbeats (spec resources-and-stats 11 and 4). Pure. */
import { plainText, zero } from '../lib/decimal.ts';
import type { SlotAmounts } from '../resources/slot-amounts.ts';
import type { KnownSlots, SlotType } from '../resources/slot-name.ts';
import type { DeviceMetadata } from './device-plugin.ts';
import type { NodePlugin } from './node-plugin.ts';

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
