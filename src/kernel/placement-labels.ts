/** The choices of a kernel that no name gives, as labels of its container, where they outlive a lost record. Pure. */
import { allocationOf, type DeviceShare } from '../resources/device-share.ts';
import { labelNames } from './ownership.ts';
import type { KernelPlacement } from './record.ts';

/** What of a placement is in the labels. */
export type LabelledPlacement = Omit<KernelPlacement, 'provision'>;

/** The labels. */
export function placementLabels({ cpuset, devices, hostPorts }: LabelledPlacement): Readonly<Record<string, string>> {
  return {
    [labelNames.ports]: hostPorts.map(({ containerPort, hostPort }) => `${containerPort}:${hostPort}`).join(','),
    [labelNames.cpuset]: cpuset ?? '',
    [labelNames.devices]: JSON.stringify(devices),
  };
}

/** What the labels say, or null when they are not such labels. */
export function readPlacement(labels: Readonly<Record<string, string>>): LabelledPlacement | null {
  const { [labelNames.ports]: ports, [labelNames.cpuset]: cpuset } = labels;
  const devices = readDevices(labels[labelNames.devices]);
  if (
    devices === null ||
    ports === undefined ||
    cpuset === undefined ||
    !/^(\d{1,5}:\d{1,5}(,\d{1,5}:\d{1,5})*)?$/.test(ports)
  )
    return null;
  const pairs = ports === '' ? [] : ports.split(',').map((pair) => pair.split(':').map(Number));
  return {
    cpuset: cpuset === '' ? null : cpuset,
    devices,
    hostPorts: pairs.map(([containerPort = 0, hostPort = 0]) => ({ containerPort, hostPort })),
  };
}

function readDevices(text: string | undefined): readonly DeviceShare[] | null {
  if (text === undefined) return null;
  try {
    const list: unknown = JSON.parse(text);
    if (!Array.isArray(list) || !list.every(isShare)) return null;
    allocationOf(list);
    return list;
  } catch {
    return null;
  }
}

const isShare = (value: unknown): value is DeviceShare =>
  Array.isArray(value) && value.length === 3 && value.every((item) => typeof item === 'string');
