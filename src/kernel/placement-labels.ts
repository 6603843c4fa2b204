/** The choices of a kernel that no name gives, as labels of its container, where they outlive a lost record. Pure. */
import { labelNames } from './ownership.ts';
import type { KernelPlacement } from './record.ts';

/** The labels. */
export function placementLabels({ cpuset, hostPorts }: KernelPlacement): Readonly<Record<string, string>> {
  return {
    [labelNames.ports]: hostPorts.map(({ containerPort, hostPort }) => `${containerPort}:${hostPort}`).join(','),
    [labelNames.cpuset]: cpuset ?? '',
  };
}

/** What the labels say, or null when they are not such labels. */
export function readPlacement(labels: Readonly<Record<string, string>>): KernelPlacement | null {
  const { [labelNames.ports]: ports, [labelNames.cpuset]: cpuset } = labels;
  if (ports === undefined || cpuset === undefined || !/^(\d{1,5}:\d{1,5}(,\d{1,5}:\d{1,5})*)?$/.test(ports))
    return null;
  const pairs = ports === '' ? [] : ports.split(',').map((pair) => pair.split(':').map(Number));
  return {
    cpuset: cpuset === '' ? null : cpuset,
    hostPorts: pairs.map(([containerPort = 0, hostPort = 0]) => ({ containerPort, hostPort })),
  };
}
