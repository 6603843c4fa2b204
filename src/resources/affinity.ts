/**
 * Which devices are near each other (spec resources-and-stats 8), those on the same NUMA node at distance 0 and all
 * others at 1, and in which order devices are tried for it (7.3, 8.2 and 17.2). Pure; distances are made once from
 * all devices of the node, so that a question costs no more than its answer.
 */
import { type Decimal, sum, zero } from '../lib/decimal.ts';
import type { DeviceState } from './allocation.ts';
import { ResourceError } from './resource-error.ts';
import { deviceOfSlot } from './slot-name.ts';

/** A NUMA node; null when unknown, -1 as cloud hosts report. */
export type NumaNode = number | null;

/** A device, by its kind's name and its own. */
export interface DeviceReference {
  readonly device: string;
  readonly id: string;
}

/** A device with its place. */
export interface PlacedDevice extends DeviceReference {
  readonly numa: NumaNode;
}

/** Devices of one kind, nearest first: one set for each node of the sources, and the rest. */
export interface Neighbours {
  readonly primary: readonly ReadonlySet<string>[];
  readonly secondary: ReadonlySet<string>;
  /** The place of each device's set among the primary ones; that of the rest is after the last. */
  readonly places: ReadonlyMap<string, number>;
}

/** Answers that are kept; a node is asked the same few questions for every kernel. */
const maxAnswers = 256;

const key = ({ device, id }: DeviceReference): string => `${device}\0${id}`;
const none: ReadonlyMap<NumaNode, ReadonlySet<string>> = new Map();

/** Numbers ascending, then -1, then the unknown. */
function nodeOrder(left: NumaNode, right: NumaNode): number {
  const rank = (node: NumaNode): number => (node === null ? Infinity : node < 0 ? Number.MAX_VALUE : node);
  return rank(left) - rank(right);
}

/** The places of all devices. */
export class AffinityMap {
  readonly #places = new Map<string, PlacedDevice>();
  /** Device kind → node → ids, in the order of the devices. */
  readonly #byKind = new Map<string, Map<NumaNode, Set<string>>>();
  readonly #answers = new Map<string, Neighbours>();

  constructor(devices: Iterable<PlacedDevice>) {
    for (const placed of devices) {
      if (this.#places.has(key(placed))) continue;
      this.#places.set(key(placed), placed);
      const nodes = this.#byKind.get(placed.device) ?? new Map<NumaNode, Set<string>>();
      const ids = nodes.get(placed.numa) ?? new Set<string>();
      this.#byKind.set(placed.device, nodes.set(placed.numa, ids.add(placed.id)));
    }
  }

  /** Every device once. */
  get devices(): readonly PlacedDevice[] {
    return [...this.#places.values()];
  }

  /** The kinds of devices that have a place in the map, such as `cpu` and `cuda`. */
  get kinds(): readonly string[] {
    return [...this.#byKind.keys()];
  }

  /** 0 on the same node, else 1; undefined when a device isn't known. */
  distance(left: DeviceReference, right: DeviceReference): 0 | 1 | undefined {
    const [a, b] = [this.#places.get(key(left)), this.#places.get(key(right))];
    if (!a || !b) return undefined;
    return a.numa === b.numa ? 0 : 1;
  }

  /** Devices of a kind in groups of one node each, the largest group first; ties in the order of the devices. */
  clusters(kind: string): readonly ReadonlySet<string>[] {
    return [...this.#nodes(kind).values()].sort((left, right) => right.size - left.size);
  }

  /** Devices of a kind by nearness to others. Sources that aren't known are passed over. */
  neighbours(sources: readonly DeviceReference[], kind: string): Neighbours {
    const near = new Set<NumaNode>();
    for (const source of sources) {
      const placed = this.#places.get(key(source));
      if (placed) near.add(placed.numa);
    }
    const order = [...near].sort(nodeOrder);
    const question = JSON.stringify([kind, ...order]);
    const known = this.#answers.get(question);
    if (known) return known;
    if (this.#answers.size >= maxAnswers) this.#answers.clear();
    const answer = this.#neighbours(order, kind);
    this.#answers.set(question, answer);
    return answer;
  }

  #neighbours(near: readonly NumaNode[], kind: string): Neighbours {
    const nodes = this.#nodes(kind);
    const primary = near.map((node) => nodes.get(node) ?? new Set<string>());
    const secondary = new Set<string>();
    for (const [node, ids] of nodes) if (!near.includes(node)) for (const id of ids) secondary.add(id);
    const places = new Map<string, number>();
    for (const [place, ids] of [...primary, secondary].entries()) for (const id of ids) places.set(id, place);
    return { primary, secondary, places };
  }

  #nodes(kind: string): ReadonlyMap<NumaNode, ReadonlySet<string>> {
    return this.#byKind.get(kind) ?? none;
  }
}

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
  const ordered = hint.rule === '26.8' ? leastUsedFirst(groups) : groups;
  return [...inTurn(ordered.map(byFreedom)), ...byFreedom(rest)];
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

/** Groups by what is allocated of them. */
function leastUsedFirst(groups: readonly (readonly DeviceState[])[]): readonly (readonly DeviceState[])[] {
  const used = groups.map((group) => [sum(group.map(({ allocated }) => allocated)), group] as const);
  return used.sort(([left], [right]) => left.cmp(right)).map(([, group]) => group);
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
