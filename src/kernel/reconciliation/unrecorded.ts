/**
 * Kernels that run, and of which neither the record nor its copy can be read: *unrecorded* ones. Their containers and homes
 * tell what they hold and where they are reached, so that they are used on and can be removed; what they were made with nobody
 * knows, so that they get no other container. Where even that is untold, more is held than they may have. Pure.
 */
import { noProvision } from '../../devices/device-provision.ts';
import type { ContainerDetail } from '../../engine/engine.ts';
import { parseServicePorts } from '../../images/service-ports.ts';
import { parseDecimal, plainText, sum } from '../../lib/decimal.ts';
import { imageLabels, objectLabels } from '../../protocol/image-contract.ts';
import type { DeviceShare } from '../../resources/device-share.ts';
import type { KnownSlots } from '../../resources/slot-name.ts';
import type { Owner } from '../../storage/scratch.ts';
import { builtInServices } from '../container/service-ports.ts';
import type { KernelRecord } from '../record.ts';
import type { KernelNetwork, KernelService, PortPair } from '../spec.ts';
import type { LabelledPlacement, ListedContainer } from './owned-containers.ts';

/** What tells of an unrecorded kernel. */
export interface Traces {
  readonly container: ListedContainer;
  readonly detail: ContainerDetail;
  /** Of its home; null when there is none. */
  readonly owner: Owner | null;
  /** The name of the agent's own network. */
  readonly bridge: string;
  readonly slots: KnownSlots;
  /** Everything of the node but cores and memory: what a kernel may have that says nothing of its devices. */
  readonly accelerators: readonly DeviceShare[];
}

/** Stands for the runtime: the runner knows it. */
const unknownRuntime = { type: 'unknown', path: null } as const;

/** The record of an unrecorded kernel. What nobody can tell is empty in it, or 0. `now`: milliseconds since the epoch. */
export function unrecordedRecord(traces: Traces, now: number): KernelRecord {
  const { container, detail, owner, slots } = traces;
  const placement = container.placement ?? untoldPlacement(traces);
  const { devices, hostPorts } = placement;
  const amountOf = (wanted: string): string =>
    plainText(sum(devices.flatMap(([slot, , amount]) => (slot === wanted ? parseDecimal(amount) : []))));
  const startedAt = Date.parse(detail.startedAt) || now;
  return {
    version: 1,
    spec: {
      id: container.kernelId,
      sessionId: container.sessionId,
      name: null,
      labels: [],
      image: { reference: detail.image, id: detail.image, volumes: [], distro: null, coreCountVariables: [] },
      runtime: unknownRuntime,
      interpreter: 'lazy',
      limits: {
        cpus: Number(amountOf('cpu')),
        memoryBytes: Math.round(Number(amountOf('mem'))),
        processes: 0,
        sharedMemoryBytes: null,
        diskBytes: null,
        openFiles: null,
        homeBytes: null,
        bitsPerSecond: null,
      },
      accelerators: [],
      environ: [],
      mounts: [],
      files: [],
      network: networkOf(traces, placement),
      publish: hostPorts.map(({ containerPort }) => containerPort),
      fixedPorts: [],
      assignedPorts: [],
      services: servicesOf(detail, hostPorts),
      servicesBlocked: detail.labels[objectLabels.servicesBlocked] === '1',
      models: [],
      user: owner ?? { uid: 0, gid: 0 },
      sudo: false,
      idleTimeoutMs: null,
      onIdle: 'end',
      ttlMs: null,
      readOnlyRoot: false,
      hostname: '',
      homeInMemory: false,
      agentSocket: false,
      socketProxies: [],
      ociRuntime: null,
    },
    phase: 'running',
    generation: container.generation,
    placement: {
      ...placement,
      provision: { ...noProvision, slots: [...slots].map(([slot, type]) => [slot, type, amountOf(slot)]) },
    },
    containerId: container.containerId,
    apps: [],
    restoredFrom: null,
    createdAt: startedAt,
    readyAt: startedAt,
    missingSince: null,
    unrecordedSince: now,
    paused: null,
    termination: null,
    restarts: null,
    timings: [],
  };
}

/** Of a container whose labels say nothing of it. */
function untoldPlacement({ detail, accelerators }: Traces): LabelledPlacement {
  const ports = new Map(detail.ports.map(({ containerPort, hostPort }) => [containerPort, hostPort]));
  const hostPorts = [...ports].map(([containerPort, hostPort]) => ({ containerPort, hostPort }));
  return { cpuset: null, devices: accelerators, hostPorts, prewarmedNetwork: null };
}

function networkOf({ detail, bridge }: Traces, { prewarmedNetwork }: LabelledPlacement): KernelNetwork {
  const networks = detail.networks.filter((name) => name !== 'none');
  if (prewarmedNetwork !== null || networks.includes(bridge)) return 'bridge';
  const [name] = networks;
  return name === undefined ? 'none' : { name, aliases: [], hosts: [] };
}

/** Those of the label that are published: a container may have the label of its image, whose services the kernel was not given. */
function servicesOf({ labels }: ContainerDetail, hostPorts: readonly PortPair[]): readonly KernelService[] {
  const published = new Set(hostPorts.map(({ containerPort }) => containerPort));
  const { services } = parseServicePorts(labels[imageLabels.servicePorts] ?? '', []);
  return [...services, ...builtInServices].filter(({ containerPorts }) =>
    containerPorts.every((port) => published.has(port)),
  );
}
