/**
 * Starts the container. When a foreign program has taken a host port meanwhile, that port is put aside, another one is
 * leased and the container is made again, since ports are fixed when a container is made (spec kernel-lifecycle B29).
 */
import type { Deadline } from '../../../lib/deadline.ts';
import { hasCode } from '../../../lib/errors.ts';
import type { ScratchFolders } from '../../../storage/scratch.ts';
import type { KernelContainers } from '../../container/kernel-containers.ts';
import type { NetworkLeases } from '../../leases.ts';
import type { KernelRecord } from '../../record.ts';
import type { CreationStep, RecordChange } from '../step.ts';
import { makeContainer } from './container.ts';
import { leaseUsablePort, type PortsParts } from './ports.ts';

/** What the step works with. */
export interface StartParts extends PortsParts {
  readonly containers: KernelContainers;
  readonly prewarmedNetworks: NetworkLeases;
  readonly scratch: ScratchFolders;
}

const maxConflicts = 3;

/** The port that a refused start names as taken, if it is one of the record's. */
function conflictOf(error: unknown, record: KernelRecord): number | null {
  if (!hasCode(error, 'ENGINE_FAILED')) return null;
  const port = error.context['port'];
  return typeof port === 'number' && record.placement.hostPorts.some((one) => one.hostPort === port) ? port : null;
}

async function replacePort(
  record: KernelRecord,
  taken: number,
  parts: PortsParts,
  deadline: Deadline,
): Promise<KernelRecord> {
  const kernel = record.spec.id;
  deadline.check();
  parts.ports.release(kernel, taken);
  parts.ports.quarantine(taken);
  const port = await leaseUsablePort(kernel, parts, deadline);
  const hostPorts = record.placement.hostPorts.map((one) =>
    one.hostPort === taken ? { ...one, hostPort: port } : one,
  );
  return { ...record, placement: { ...record.placement, hostPorts } };
}

async function startWithPorts(record: KernelRecord, deadline: Deadline, parts: StartParts): Promise<RecordChange> {
  let current = record;
  for (let conflicts = 0; ; conflicts++) {
    try {
      await parts.containers.start(current, deadline);
      return { placement: current.placement, containerId: current.containerId };
    } catch (error) {
      const taken = conflictOf(error, current);
      if (taken === null || conflicts >= maxConflicts) throw error;
      await parts.containers.remove(current, deadline);
      current = await replacePort(current, taken, parts, deadline);
      current = { ...current, containerId: await makeContainer(current, parts.containers, parts.scratch, deadline) };
    }
  }
}

/** A kernel whose prewarmed network can't be joined gets one of its own. */
async function startSomehow(record: KernelRecord, deadline: Deadline, parts: StartParts): Promise<RecordChange> {
  try {
    return await startWithPorts(record, deadline, parts);
  } catch (error) {
    if (record.placement.prewarmedNetwork === null || !hasCode(error, 'ENGINE_FAILED')) throw error;
    deadline.check();
    const { containers, prewarmedNetworks } = parts;
    await containers.remove(record, deadline);
    prewarmedNetworks.discard(record.spec.id);
    const alone = { ...record, placement: { ...record.placement, prewarmedNetwork: null } };
    const containerId = await makeContainer(alone, containers, parts.scratch, deadline);
    return await startWithPorts({ ...alone, containerId }, deadline, parts);
  }
}

/** Starts it, on other ports and another network where those of the record cannot be had. */
export function startStep(parts: StartParts): CreationStep {
  return {
    name: 'start',
    scope: 'generation',
    deadlineMs: 120_000,
    apply: (record, deadline) => startSomehow(record, deadline, parts),
    // The container's own revert ends it and removes it in one request.
    async revert() {},
  };
}
