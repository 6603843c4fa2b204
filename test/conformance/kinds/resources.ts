/** Vectors of resources and statistics: cases that have a `kind` each (test/vectors/resources/README.md). */
import { itemsOf, runCase, type VectorKind } from '../vector-kind.ts';
import { affinityGraph, affinityNeighbours } from './resources/affinity.ts';
import { allocMap } from './resources/alloc-map.ts';
import { allocate } from './resources/allocate.ts';
import { alignMemory, capacity, densityTable } from './resources/capacity.ts';
import type { ResourceCase, ResourceCheck } from './resources/case.ts';
import { metric, movingStat } from './resources/metrics.ts';
import {
  attachedDevices,
  dockerArguments,
  metadata,
  mockConfig,
  resourceData,
  sharedMemory,
} from './resources/plugins.ts';
import { readResourceTxt, scanUsage, writeResourceTxt } from './resources/resource-txt.ts';
import { statPayload } from './resources/stat-payload.ts';
import * as text from './resources/text.ts';

const checks: Readonly<Record<string, ResourceCheck>> = {
  affinity_graph: affinityGraph,
  affinity_neighbors: affinityNeighbours,
  align_memory: alignMemory,
  alloc_map: allocMap,
  allocate,
  attached_devices: attachedDevices,
  binary_size_format: text.sizeFormat,
  binary_size_parse: text.sizeParse,
  capacity,
  cpuset: text.cpuset,
  density: densityTable,
  distribute: text.distribution,
  docker_args: dockerArguments,
  exclusive: text.exclusive,
  metadata,
  metric,
  mock_config: mockConfig,
  mock_limits: text.mockLimits,
  mock_share: text.mockShare,
  moving_stat: movingStat,
  resource_data: resourceData,
  resource_txt_read: readResourceTxt,
  resource_txt_write: writeResourceTxt,
  round_down: text.roundDown,
  scan_usage: scanUsage,
  shmem: sharedMemory,
  slot_compare: text.slotCompare,
  slot_json: text.slotJson,
  slot_known: text.slotKnown,
  slot_normalize: text.slotNormalise,
  stat_payload: statPayload,
};

/** A case runs in the mode of each release that it names: 24.09 without a name, both where it says so. */
function modesOf({ versions, same_in_26_8: same }: ResourceCase): readonly ('24.09' | '26.8')[] {
  if (same) return ['24.09', '26.8'];
  return versions ?? ['24.09'];
}

function runResourceCase(item: ResourceCase): string | null {
  const check = Object.hasOwn(checks, item.kind) ? checks[item.kind] : undefined;
  if (!check) return `no check for the kind ${item.kind}`;
  const modes = modesOf(item);
  if (modes.length === 0) return 'names no version';
  const problems = modes.flatMap((mode) => {
    const problem = check(item, mode);
    return problem === null ? [] : [`${mode}: ${problem}`];
  });
  return problems.length === 0 ? null : problems.join('; ');
}

export const resources: VectorKind = {
  name: 'resources',
  recognises: (document) =>
    itemsOf(document, 'cases')?.every(({ id, kind }) => typeof id === 'string' && typeof kind === 'string') ?? false,
  run: (document) =>
    ((itemsOf(document, 'cases') ?? []) as unknown as readonly ResourceCase[]).map((item) =>
      runCase(item.id, () => runResourceCase(item)),
    ),
};
