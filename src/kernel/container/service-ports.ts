/**
 * The services that every kernel can have of its runner (spec kernel-runner 11.4), and where the services of a kernel listen
 * and are reached. Pure.
 */
import type { KernelRecord } from '../record.ts';
import { isOnHost, type KernelService } from '../spec.ts';

/** Every kernel of a cluster has them; others when their ports are published. */
export const builtInServices: readonly KernelService[] = [
  { name: 'sshd', protocol: 'tcp', containerPorts: [2200], isInference: false },
  { name: 'ttyd', protocol: 'http', containerPorts: [7681], isInference: false },
];

/** Services of a kernel beside the runner's own in the form of an image's label: those of the image, and preopened ports. */
export function servicesLabel(services: readonly KernelService[]): string {
  const own = new Set(builtInServices.map(({ name }) => name));
  const portsOf = ({ containerPorts }: KernelService): string =>
    containerPorts.length === 1 ? String(containerPorts[0]) : `[${containerPorts.join(',')}]`;
  return services
    .filter(({ name }) => !own.has(name))
    .map((service) => `${service.name}:${service.protocol}:${portsOf(service)}`)
    .join(',');
}

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
