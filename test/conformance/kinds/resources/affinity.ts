/** `affinity_neighbors` and `affinity_graph`. */
import { AffinityMap, type DeviceReference, type PlacedDevice } from '../../../../src/resources/affinity.ts';
import { checkOf, differ, firstOf } from './case.ts';

/** A device name and id. */
export type Pair = readonly [string, string];

/** A pair as a reference. */
export const reference = ([device, id]: Pair): DeviceReference => ({ device, id });

interface NeighboursCase {
  readonly devices: readonly PlacedDevice[];
  readonly query: { readonly sources: readonly Pair[] | null; readonly device: string };
  readonly expect: { readonly primary: readonly (readonly string[])[]; readonly secondary: readonly string[] };
}

const sorted = (ids: Iterable<string>): readonly string[] => [...ids].sort();

/** Sets around given devices, or clusters without any. */
export const affinityNeighbours = checkOf<NeighboursCase>(({ devices, query, expect }) => {
  const map = new AffinityMap(devices);
  const { primary, secondary } =
    query.sources === null
      ? { primary: map.clusters(query.device), secondary: [] }
      : map.neighbours(query.sources.map(reference), query.device);
  return firstOf(
    differ('primary', primary.map(sorted), expect.primary),
    differ('secondary', sorted(secondary), expect.secondary),
  );
});

interface GraphCase {
  readonly devices: readonly PlacedDevice[];
  readonly expect: {
    readonly nodes: number;
    readonly edges_with_self_loops: number;
    readonly max_weight?: number;
    readonly equal?: readonly (readonly [number, number])[];
    readonly distinct?: readonly (readonly [number, number])[];
    readonly weights?: readonly (readonly [Pair, Pair, number])[];
  };
}

/** Every pair of devices has a distance; devices of one name and id are one. */
export const affinityGraph = checkOf<GraphCase>(({ devices, expect }) => {
  const map = new AffinityMap(devices);
  const nodes = map.devices;
  const edges = nodes.flatMap((left, index) => nodes.slice(index).map((right) => map.distance(left, right)));
  const node = (index: number): number =>
    nodes.findIndex(({ device, id }) => device === devices[index]?.device && id === devices[index]?.id);
  return firstOf(
    differ('the number of nodes', nodes.length, expect.nodes),
    differ('the number of edges', edges.length, expect.edges_with_self_loops),
    expect.max_weight === undefined
      ? null
      : differ('the largest weight', Math.max(...edges.map(Number)), expect.max_weight),
    ...(expect.equal ?? []).map(([left, right]) => differ(`${left} = ${right}`, node(left) === node(right), true)),
    ...(expect.distinct ?? []).map(([left, right]) => differ(`${left} = ${right}`, node(left) === node(right), false)),
    ...(expect.weights ?? []).map(([left, right, weight]) =>
      differ(`the weight of ${left} and ${right}`, map.distance(reference(left), reference(right)), weight),
    ),
  );
});
