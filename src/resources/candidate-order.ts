/** In which order devices are tried (spec resources-and-stats 7.3, 8.2 and 17.2). Pure. */
import { type Decimal, sum, zero } from '../lib/decimal.ts';
import type { AffinityMap, DeviceReference } from './affinity.ts';
import type { DeviceState } from './allocation.ts';
import { ResourceError } from './resource-error.ts';
import { deviceOfSlot } from './slot-name.ts';

/** How the first device type of a kernel is spread over the nodes. */
export type AffinityPolicy = 'interleaved' | 'prefer-single-node';

/**
 * Which release's rule orders groups of devices. 24.09: by NUMA number, and the policy has no effect. 26.8: the least
 * used group first, and the policy decides about the first device type.
 */
export type AffinityRule = '24.09' | '26.8';

/** Where the kernel's devices are to be. */
export interface AffinityHint {
  /** The devices that it has already; none for the first type. */
  readonly devices: readonly DeviceReference[];
  readonly affinity: AffinityMap;
  readonly policy: AffinityPolicy;
  readonly rule: AffinityRule;
}

/** The devices of a slot in the order in which they are tried. Throws ResourceError (26.8) for a slot of no device. */
export function candidateOrder(
  slot: string,
  devices: readonly DeviceState[],
  hint: AffinityHint | undefined,
): readonly DeviceState[] {
  if (hint && hint.devices.length > 0) return byNearness(slot, devices, hint);
  if (hint?.rule === '26.8') return byCluster(slot, devices, hint);
  return byFreedom(devices);
}

/**
 * The freest first; ties in device order, in which the devices are given. Groups of equal ones are sorted: there are few,
 * so this takes as much time as there are devices.
 */
function byFreedom(devices: Iterable<DeviceState>): readonly DeviceState[] {
  const groups = new Map<string, DeviceState[]>();
  for (const device of devices) {
    const { freeText } = device.level;
    const equal = groups.get(freeText);
    if (equal) equal.push(device);
    else groups.set(freeText, [device]);
  }
  const free = ([device]: readonly DeviceState[]): Decimal => device?.free ?? zero;
  return [...groups.values()].sort((left, right) => free(right).cmp(free(left))).flat();
}

function byNearness(slot: string, devices: readonly DeviceState[], hint: AffinityHint): readonly DeviceState[] {
  const { primary, places } = hint.affinity.neighbours(hint.devices, deviceOfSlot(slot));
  const groups = primary.map((): DeviceState[] => []);
  const rest: DeviceState[] = [];
  for (const device of devices) {
    const place = places.get(device.id);
    if (place !== undefined) (groups[place] ?? rest).push(device);
  }
  if (hint.rule === '26.8') leastUsedFirst(groups);
  return [...inTurn(groups.map(byFreedom)), ...byFreedom(rest)];
}

function byCluster(slot: string, devices: readonly DeviceState[], hint: AffinityHint): readonly DeviceState[] {
  const kind = deviceOfSlot(slot);
  const clusters = hint.affinity.clusters(kind);
  if (clusters.length === 0) {
    const known = hint.affinity.kinds.join(', ');
    throw new ResourceError({ kind: 'unknown-device-type', slot, type: kind, known });
  }
  const ordered = leastUsedFirst(clusters.map((ids) => within(devices, ids))).map(byFreedom);
  return hint.policy === 'interleaved' ? inTurn(ordered) : ordered.flat();
}

const within = (devices: readonly DeviceState[], ids: ReadonlySet<string>): readonly DeviceState[] =>
  devices.filter(({ id }) => ids.has(id));

/** Sorts groups in place by what is allocated of them. */
function leastUsedFirst(groups: (readonly DeviceState[])[]): readonly (readonly DeviceState[])[] {
  const used = new Map<readonly DeviceState[], Decimal>();
  for (const group of groups) used.set(group, sum(group.map(({ allocated }) => allocated)));
  return groups.sort((left, right) => used.get(left)?.cmp(used.get(right) ?? 0) ?? 0);
}

/** The first of each list, the second of each, and so on; lists that end are passed over. */
function inTurn<T>(lists: readonly (readonly T[])[]): readonly T[] {
  const longest = Math.max(0, ...lists.map((list) => list.length));
  const all: T[] = [];
  for (let index = 0; index < longest; index += 1) {
    for (const list of lists) if (index < list.length) all.push(list[index] as T);
  }
  return all;
}
