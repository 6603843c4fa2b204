/** Where the services of a kernel listen, and where they are reached. Pure. */
import type { KernelRecord } from './record.ts';
import { isOnHost, type KernelService } from './spec.ts';

/** Ports of a service, in the order in which it has them. */
export interface PlacedPorts {
  /** Inside the container: on the host's own network a service listens where it is reached. */
  readonly inside: readonly number[];
  /** On the host; 0 where a port is not published. */
  readonly outside: readonly number[];
}

const noPort = 0;

/** The ports of a service in the record's container. */
export function placedPorts({ containerPorts }: KernelService, { spec, placement }: KernelRecord): PlacedPorts {
  const host = new Map(placement.hostPorts.map(({ containerPort, hostPort }) => [containerPort, hostPort]));
  const outside = containerPorts.map((port) => host.get(port) ?? noPort);
  return { inside: isOnHost(spec.network) ? outside : containerPorts, outside };
}
