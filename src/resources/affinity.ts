/**
 * Which devices are near each other (spec resources-and-stats 8): those on the same NUMA node are at distance 0, all
 * others at 1. Pure; made once from all devices of the node, so that a question costs no more than its answer.
 */

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
  const [a, b] = [rank(left), rank(right)];
  return a === b ? 0 : a - b;
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
