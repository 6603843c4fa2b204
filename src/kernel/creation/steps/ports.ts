/**
 * Leases a host port for each published container port, for the kernel's whole life, so that a restart keeps them. A
 * port that a foreign process holds is put aside and the next one is taken.
 */
import type { Deadline } from '../../../lib/deadline.ts';
import { KerneletError } from '../../../lib/errors.ts';
import type { KernelId } from '../../../lib/ids.ts';
import type { PortLeases } from '../../leases.ts';
import type { PortPair } from '../../spec.ts';
import type { CreationStep } from '../step.ts';

/** What the step works with. */
export interface PortsParts {
  readonly ports: PortLeases;
  /** Whether a port can be bound now on the address that kernels publish on. */
  readonly canBind: (port: number) => Promise<boolean>;
}

/** Foreign ports that are passed over before the step gives up. */
const maxTaken = 64;

/** Leases one port that can be bound now. Throws NO_PORT_LEFT, and the deadline's reason. */
export async function leaseUsablePort(
  kernel: KernelId,
  { ports, canBind }: PortsParts,
  deadline: Deadline,
): Promise<number> {
  for (let tries = 0; tries < maxTaken; tries++) {
    const port = ports.lease(kernel);
    const usable = await canBind(port);
    // The revert of a cancelled creation may have freed what was held: nothing may be leased after it.
    deadline.check();
    if (usable) return port;
    ports.release(kernel, port);
    ports.quarantine(port);
  }
  throw new KerneletError('NO_PORT_LEFT', `${maxTaken} host ports of the pool in a row are used by other programs`);
}

/** Leases one host port of the pool for each published port, for the kernel's whole life. */
export function portsStep(parts: PortsParts): CreationStep {
  const { ports } = parts;
  const take = (kernel: KernelId, wanted: readonly number[]): void => {
    const held = new Set(ports.heldBy(kernel));
    for (const port of new Set(wanted)) if (!held.has(port)) ports.adopt(kernel, port);
  };
  return {
    name: 'ports',
    scope: 'kernel',
    deadlineMs: 10_000,
    async apply(record, deadline) {
      const { id, publish, fixedPorts, assignedPorts } = record.spec;
      const hostPorts: PortPair[] = [];
      take(id, [...assignedPorts, ...fixedPorts.map(({ hostPort }) => hostPort)]);
      for (const containerPort of publish) {
        deadline.check();
        const fixed = fixedPorts.find((pair) => pair.containerPort === containerPort);
        hostPorts.push(fixed ?? { containerPort, hostPort: await leaseUsablePort(id, parts, deadline) });
      }
      return { placement: { ...record.placement, hostPorts } };
    },
    async revert(record) {
      for (const port of ports.heldBy(record.spec.id)) ports.release(record.spec.id, port);
    },
    async adopt({ spec, placement }) {
      take(spec.id, [...spec.assignedPorts, ...placement.hostPorts.map(({ hostPort }) => hostPort)]);
    },
  };
}
