/**
 * The containers of an engine that are provably this agent's, with what their labels say of their placement: the choices of a
 * kernel that no name gives, which outlive a lost record there.
 */
import type { ContainerState, ContainerSummary, Engine } from '../../engine/engine.ts';
import { asContainerId } from '../../lib/ids.ts';
import { list, triple } from '../../lib/json-reader.ts';
import { YieldBudget } from '../../lib/yield-budget.ts';
import { allocationOf, type DeviceShare } from '../../resources/device-share.ts';
import { labelNames, type OwnedContainer, type Ownership, provenLabels } from '../container/ownership.ts';
import type { KernelPlacement, KernelRecord } from '../record.ts';

/** What of a placement is in the labels. */
export type LabelledPlacement = Omit<KernelPlacement, 'provision'>;

/** The labels of one container, each a text that `readPlacement` gives back. */
export function placementLabels({
  cpuset,
  devices,
  hostPorts,
  prewarmedNetwork: network,
}: LabelledPlacement): Readonly<Record<string, string>> {
  return {
    [labelNames.ports]: hostPorts.map(({ containerPort, hostPort }) => `${containerPort}:${hostPort}`).join(','),
    [labelNames.cpuset]: cpuset ?? '',
    [labelNames.devices]: JSON.stringify(devices),
    [labelNames.prewarmedNetwork]: network ? `${network.container}:${network.receivedBytes}:${network.sentBytes}` : '',
  };
}

/** What the labels say, or null when they are not such labels. */
export function readPlacement(labels: Readonly<Record<string, string>>): LabelledPlacement | null {
  // Containers of earlier versions have no label of a prewarmed network.
  const {
    [labelNames.ports]: ports,
    [labelNames.cpuset]: cpuset,
    [labelNames.prewarmedNetwork]: network = '',
  } = labels;
  const devices = readDevices(labels[labelNames.devices]);
  if (
    devices === null ||
    ports === undefined ||
    cpuset === undefined ||
    !/^(\d{1,5}:\d{1,5}(,\d{1,5}:\d{1,5})*)?$/.test(ports)
  )
    return null;
  const joined = /^([0-9a-f]{12,64}):(\d{1,15}):(\d{1,15})$/.exec(network);
  if (network !== '' && !joined) return null;
  const pairs = ports === '' ? [] : ports.split(',').map((pair) => pair.split(':').map(Number));
  return {
    cpuset: cpuset === '' ? null : cpuset,
    devices,
    hostPorts: pairs.map(([containerPort = 0, hostPort = 0]) => ({ containerPort, hostPort })),
    prewarmedNetwork: joined && {
      container: asContainerId(joined[1] ?? ''),
      receivedBytes: Number(joined[2]),
      sentBytes: Number(joined[3]),
    },
  };
}

function readDevices(text: string | undefined): readonly DeviceShare[] | null {
  if (text === undefined) return null;
  try {
    const shares = list(triple)(JSON.parse(text), 'devices');
    allocationOf(shares);
    return shares;
  } catch {
    return null;
  }
}

/** One of our containers with its state. */
export interface ListedContainer extends OwnedContainer {
  readonly state: ContainerState;
  /** What its labels say; null when they say nothing. */
  readonly placement: LabelledPlacement | null;
}

/** Every container of this engine that is provably ours, by its name or by the records. Throws ENGINE_UNAVAILABLE. */
export async function listOwnedContainers(
  engine: Engine,
  ownership: Ownership,
  records: readonly KernelRecord[],
  signal: AbortSignal,
): Promise<readonly ListedContainer[]> {
  const listing = await engine.listContainers(provenLabels, signal);
  const ownedBy = ownedAmongRecords(ownership, records);
  const budget = new YieldBudget();
  const owned: ListedContainer[] = [];
  for (const summary of listing) {
    owned.push(...ownedBy(summary));
    await budget.yieldIfSpent(signal);
  }
  return owned;
}

/** Those of a listing that are provably ours. Pure. */
export function ownedAmong(
  listing: readonly ContainerSummary[],
  ownership: Ownership,
  records: readonly KernelRecord[],
): readonly ListedContainer[] {
  return listing.flatMap(ownedAmongRecords(ownership, records));
}

/** Answers for each container that is provably ours with it, else with nothing. */
function ownedAmongRecords(ownership: Ownership, records: readonly KernelRecord[]) {
  const byKernel = new Map(records.map((record) => [record.spec.id, record]));
  return (summary: ContainerSummary): readonly ListedContainer[] => {
    const owned = ownership.identify(summary, (kernel) => byKernel.get(kernel));
    return owned ? [{ ...owned, state: summary.state, placement: readPlacement(summary.labels) }] : [];
  };
}
