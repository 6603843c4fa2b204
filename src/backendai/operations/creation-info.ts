/** What managers read of a kernel that runs, out of its record (spec cluster-state 5.3, kernel-lifecycle 10.2). Pure. */

import { placedPorts } from '../../kernel/container/service-ports.ts';
import type { KernelRecord } from '../../kernel/record.ts';
import type { KernelService } from '../../kernel/spec.ts';
import { deviceOfSlot } from '../../resources/slot-name.ts';
import { type CreationInfo, creationInfo, type ServicePortInfo } from '../wire/events/info-maps.ts';

/** How the node is known in its cluster. */
export interface NodeNames {
  /** Where the ports of its kernels are reached. */
  readonly kernelHost: string;
  /** `tcp://10.0.0.5:6001`. */
  readonly agentAddress: string;
  readonly scalingGroup: string;
}

/** The ports that upstream's runners listen on; ours is spoken to over a socket in the file system. */
const noPort = 0;

/** The map of `kernel_started` and of the results of `create_kernels`. */
export function creationInfoOf(record: KernelRecord, node: NodeNames): CreationInfo {
  const { spec, placement } = record;
  const containerId = record.containerId ?? '';
  return creationInfo({
    kernel: spec.id,
    kernelHost: node.kernelHost,
    replInPort: noPort,
    replOutPort: noPort,
    servicePorts: spec.services.map((service) => servicePort(service, record)),
    containerId,
    resourceSpec: {
      container_id: containerId,
      slots: Object.fromEntries(placement.provision.slots.map(([slot, , amount]) => [slot, amount])),
      allocations: allocations(placement.devices),
      scratch_disk_size: 0,
      mounts: spec.mounts.map(({ source, target, readOnly }) => ({
        type: 'bind',
        source,
        target,
        permission: readOnly ? 'ro' : 'rw',
        opts: null,
      })),
    },
    scalingGroup: node.scalingGroup,
    agentAddress: node.agentAddress,
    attachedDevices: Object.fromEntries(
      placement.provision.attached.map(([device, attached]) => [
        device,
        attached.map(({ device_id, model_name, data }) => ({ device_id, model_name, data: { ...data } })),
      ]),
    ),
  });
}

function servicePort(service: KernelService, record: KernelRecord): ServicePortInfo {
  const { name, protocol, isInference } = service;
  const {
    urlTemplate = '',
    allowedArguments = [],
    allowedEnvs = [],
  } = record.apps.find((app) => app.name === name) ?? {};
  const { inside, outside } = placedPorts(service, record);
  return {
    name,
    protocol,
    container_ports: inside,
    host_ports: outside,
    is_inference: isInference,
    ...(urlTemplate === '' ? {} : { url_template: urlTemplate }),
    ...(allowedArguments.length === 0 ? {} : { allowed_arguments: allowedArguments }),
    ...(allowedEnvs.length === 0 ? {} : { allowed_envs: allowedEnvs }),
  };
}

type Allocations = Record<string, Record<string, Record<string, string>>>;

function allocations(devices: KernelRecord['placement']['devices']): Allocations {
  const all: Allocations = {};
  for (const [slot, device, amount] of devices) {
    const type = deviceOfSlot(slot);
    all[type] = { ...all[type], [slot]: { ...all[type]?.[slot], [device]: amount } };
  }
  return all;
}
