/**
 * Starts the container. When a foreign program has taken a host port meanwhile, that port is put aside, another one is
 * leased and the container is made again, since ports are fixed when a container is made (spec kernel-lifecycle B29).
 */
import type { Deadline } from '../../lib/deadline.ts';
import { hasCode } from '../../lib/errors.ts';
import type { KernelContainers } from '../kernel-containers.ts';
import type { KernelRecord } from '../record.ts';
import type { CreationStep, RecordChange } from '../step.ts';
import { leaseUsablePort, type PortsParts } from './ports.ts';

const mostConflicts = 3;

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

async function startWithPorts(
  record: KernelRecord,
  deadline: Deadline,
  parts: { readonly containers: KernelContainers; readonly ports: PortsParts },
): Promise<RecordChange> {
  let current = record;
  for (let conflicts = 0; ; conflicts++) {
    try {
      await parts.containers.start(current, deadline);
      return { placement: current.placement, containerId: current.containerId };
    } catch (error) {
      const taken = conflictOf(error, current);
      if (taken === null || conflicts >= mostConflicts) throw error;
      await parts.containers.remove(current, deadline);
      current = await replacePort(current, taken, parts.ports, deadline);
      current = { ...current, containerId: await parts.containers.make(current, deadline) };
    }
  }
}

/** The step. */
export function startStep(containers: KernelContainers, ports: PortsParts): CreationStep {
  return {
    name: 'start',
    scope: 'generation',
    deadlineMs: 120_000,
    apply: (record, deadline) => startWithPorts(record, deadline, { containers, ports }),
    // The container's own revert ends it and removes it in one request.
    async revert() {},
  };
}
