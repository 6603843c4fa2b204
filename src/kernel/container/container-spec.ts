/**
 * The container of a kernel: the hardened specification that the engine gets. Pure. Nothing of a tenant's variables is
 * in the container's environment: its first process is root's (spec kernel-runner 23.5).
 */
import { join } from 'node:path';
import { containerDevices, type DeviceProvision } from '../../devices/device-provision.ts';
import type { ContainerMount, ContainerSpec } from '../../engine/engine.ts';
import { KerneletError } from '../../lib/errors.ts';
import { containerPaths, imageLabels, objectLabels } from '../../protocol/image-contract.ts';
import { boundedEntry, runnerCapabilities } from '../../protocol/runner-config.ts';
import type { ScratchPaths } from '../../storage/scratch.ts';
import { placementLabels } from '../reconciliation/owned-containers.ts';
import type { KernelRecord } from '../record.ts';
import { hasSockets, isOnHost, type KernelSpec } from '../spec.ts';
import type { ImageRoot } from './image-roots.ts';
import { networkFileMounts } from './network-files.ts';
import { labelNames, type Ownership } from './ownership.ts';
import { hookTarget } from './resource-files.ts';
import { temporaryFolders } from './root-file-system.ts';
import { jailedCalls, seccompProfile } from './seccomp-profile.ts';
import { servicesLabel } from './service-ports.ts';
import { hasUserFiles, userFileMounts } from './user-files.ts';

/** What an operator may loosen; an image or a request never can. */
export interface ContainerHardening {
  /** Capabilities of the container's root; the tenant's processes have none. */
  readonly capabilities: readonly string[];
  /** Whether the image's own script is run, as the container's root. */
  readonly imageBootstrap: 'never' | 'root';
  /**
   * Those that the image's own script has besides, as root, before the runner starts; and everybody's root in sessions
   * whose user may become root. null: the script has the runner's, and what it may do is not asked for by anybody.
   */
  readonly imageCapabilities: readonly string[] | null;
  readonly noNewPrivileges: boolean;
  /** Which of a kernel's limits are enforced. */
  readonly limited: { readonly cpus: boolean; readonly memory: boolean; readonly processes: boolean };
  /** Whether kernels may swap beyond their memory; else memory is all that they have. */
  readonly swap: boolean;
  /** In the engine's words, for example `seccomp=unconfined`. */
  readonly securityOptions: readonly string[];
  /** Asked for each container: fields of the engine's own, merged last. */
  readonly overrides?: () => Promise<ContainerSpec['overrides']>;
}

/** As little as the runner can do with. */
export const defaultHardening: ContainerHardening = {
  capabilities: runnerCapabilities,
  imageBootstrap: 'never',
  imageCapabilities: null,
  noNewPrivileges: true,
  limited: { cpus: true, memory: true, processes: true },
  swap: false,
  securityOptions: [`seccomp=${JSON.stringify(seccompProfile(process.arch))}`],
};

/** The options of the default in a stricter form, without calls into other processes; made for who asks. */
export const jailOptions = (): ContainerHardening['securityOptions'] => [
  `seccomp=${JSON.stringify(seccompProfile(process.arch, jailedCalls))}`,
];

/** Devices that nobody asks for. */
export interface CommonDevices {
  /** Device files of this machine. */
  readonly nodes: readonly string[];
  /** What programs may lock of their memory, for what the devices read and write by themselves. */
  readonly lockedBytes: number;
}

/** What is the same for all containers of an agent. */
export interface ContainerSettings {
  /** `hostPath` answers where the runner volume is, once there is one. */
  readonly volume: { readonly hostPath: () => Promise<string>; readonly entrypoint: readonly string[] };
  readonly hardening: ContainerHardening;
  /** Asked for each container: files of the host that it sees. */
  readonly views?: () => Promise<readonly ContainerMount[]>;
  /** Asked for each container: devices of this machine that all of them get; null: it has none. */
  readonly commonDevices?: () => Promise<CommonDevices | null>;
  /** Address that ports are published on. */
  readonly publishAddress: string;
  /** Names of services that are published on the loopback address in any case. */
  readonly privateServices: readonly string[];
  /** The name of the network that `bridge` stands for. */
  readonly bridgeName: string;
  readonly logLimitBytes: number;
  /** Whether the engine puts a small init as process 1. */
  readonly init: boolean;
}

const loopback = '127.0.0.1';

/** What starts the runner: a script for the volume's static shell. */
export const defaultEntrypoint: readonly string[] = [
  `${containerPaths.volume}/bin/busybox`,
  'sh',
  containerPaths.entry,
];

const hookMounts = ({ hooks }: DeviceProvision): readonly ContainerMount[] =>
  hooks.map((source) => ({ source, target: hookTarget(source), readOnly: true }));

/** What a specification is made of, beside the record. */
interface SpecParts {
  readonly paths: ScratchPaths;
  readonly ownership: Ownership;
  readonly settings: ContainerSettings;
  /** Host path of the runner volume. */
  readonly volume: string;
  readonly overrides?: ContainerSpec['overrides'];
  readonly views?: readonly ContainerMount[] | undefined;
  readonly commonDevices?: CommonDevices | null | undefined;
  /** What a read-only root file system needs to know of the image's; null where it can be written. */
  readonly imageRoot: ImageRoot | null;
}

function mountsOf(
  record: KernelRecord,
  { paths, volume, imageRoot, settings, views = [] }: SpecParts,
): readonly ContainerMount[] {
  // Only where somebody may be root is there anybody for it.
  const hasRoot = settings.hardening.imageBootstrap === 'root' || record.spec.sudo;
  return [
    ...views,
    { source: volume, target: containerPaths.volume, readOnly: true },
    ...(hasSockets(record.spec) ? [{ source: paths.sockets, target: containerPaths.kernel, readOnly: true }] : []),
    ...(hasRoot ? [{ source: join(volume, 'bin/su-exec'), target: containerPaths.suExec, readOnly: true }] : []),
    { source: paths.run, target: containerPaths.run, readOnly: false },
    { source: paths.work, target: containerPaths.home, readOnly: false },
    { source: paths.config, target: containerPaths.homeConfig, readOnly: true },
    ...(record.placement.prewarmedNetwork ? networkFileMounts(paths) : []),
    ...(imageRoot !== null && hasUserFiles(record.spec) ? userFileMounts(paths, imageRoot.users) : []),
    ...record.spec.mounts,
    ...hookMounts(record.placement.provision),
    ...record.placement.provision.mounts.map((mount) => ({ ...mount, readOnly: true })),
  ];
}

function networkOf({ spec, placement }: KernelRecord, settings: ContainerSettings): ContainerSpec['network'] {
  if (placement.prewarmedNetwork) return { kind: 'join', container: placement.prewarmedNetwork.container };
  if (typeof spec.network === 'object') return spec.network.name;
  return spec.network === 'bridge' ? settings.bridgeName : 'none';
}

function publishedPorts({ spec, placement }: KernelRecord, settings: ContainerSettings): ContainerSpec['ports'] {
  const kept = spec.services.filter(({ name }) => settings.privateServices.includes(name));
  const closed = new Set(kept.flatMap(({ containerPorts }) => containerPorts));
  return placement.hostPorts.map((port) => ({
    ...port,
    hostAddress: closed.has(port.containerPort) ? loopback : settings.publishAddress,
  }));
}

/** Capabilities can be dropped by those only who have that one. */
const dropping = 'SETPCAP';

function capabilitiesOf(
  { capabilities, imageCapabilities }: ContainerHardening,
  { isBounded, sudo }: { readonly isBounded: boolean; readonly sudo: boolean },
): readonly string[] {
  const ofRoot = isBounded || sudo ? (imageCapabilities ?? []) : [];
  return [...new Set([...capabilities, ...ofRoot, ...(isBounded ? [dropping] : [])])];
}

/** A device that needs a runtime of its own would silently take the place of the one that was asked for. */
function runtimeOf({ spec, placement }: KernelRecord): Pick<ContainerSpec, 'runtime'> {
  const { ociRuntime: runtime } = spec;
  if (runtime === null) return {};
  const ofDevices = placement.provision.runtime;
  if (ofDevices === null || ofDevices === runtime) return { runtime };
  const text = `devices of the kernel need the OCI runtime ${ofDevices}, and it is to have ${runtime}`;
  throw new KerneletError('NOT_SUPPORTED', text, { context: { runtime, ofDevices } });
}

/** What tools beside the agent read. Where a kernel has no services of its image, the container has the image's own label. */
function serviceLabels({ services, servicesBlocked }: KernelSpec): ContainerSpec['labels'] {
  const listed = servicesLabel(services);
  return {
    [objectLabels.servicesBlocked]: servicesBlocked ? '1' : '0',
    ...(listed === '' ? {} : { [imageLabels.servicePorts]: listed }),
  };
}

/** The specification of the container of a record's generation. Throws NOT_SUPPORTED for two runtimes at once. */
export function containerSpec(record: KernelRecord, parts: SpecParts): ContainerSpec {
  const { spec, placement, generation } = record;
  const { limits } = spec;
  const { ownership, settings, commonDevices } = parts;
  const { limited, swap } = settings.hardening;
  const [name] = ownership.containerNames(spec.id, spec.image.reference);
  const { imageBootstrap, imageCapabilities } = settings.hardening;
  const isBounded = imageBootstrap === 'root' && imageCapabilities !== null && !spec.sudo;
  return {
    name,
    image: spec.image.id,
    hostname: spec.hostname,
    entrypoint: settings.volume.entrypoint,
    command: isBounded ? [boundedEntry] : [],
    environ: [],
    workingDirectory: '/',
    labels: {
      [labelNames.kernelId]: spec.id,
      [labelNames.sessionId]: spec.sessionId,
      [labelNames.owner]: ownership.agentId,
      [labelNames.generation]: String(generation),
      [labelNames.proof]: ownership.proof(name),
      ...serviceLabels(spec),
      ...placementLabels(placement),
    },
    mounts: mountsOf(record, parts),
    temporaryFilesystems: temporaryFolders(spec, parts.imageRoot?.links ?? []),
    limits: {
      cpus: limited.cpus ? limits.cpus : null,
      // Shared memory is taken from the kernel's own (spec resources-and-stats 6.3).
      memoryBytes: limited.memory ? limits.memoryBytes - (limits.sharedMemoryBytes ?? 0) : null,
      swap,
      processes: limited.processes ? limits.processes : null,
      ...(placement.cpuset === null ? {} : { cpuset: placement.cpuset }),
      ...(limits.sharedMemoryBytes === null ? {} : { sharedMemoryBytes: limits.sharedMemoryBytes }),
      ...(limits.diskBytes === null ? {} : { diskBytes: limits.diskBytes }),
      ...(limits.openFiles === null ? {} : { openFiles: limits.openFiles }),
      ...(commonDevices ? { lockedBytes: commonDevices.lockedBytes } : {}),
    },
    devices: containerDevices(placement.provision, commonDevices?.nodes),
    network: networkOf(record, settings),
    networkAliases: typeof spec.network === 'object' ? spec.network.aliases : [],
    ...(typeof spec.network === 'object' ? { hosts: spec.network.hosts } : {}),
    // On the host's own network there is nothing between the kernel and its ports.
    ports: isOnHost(spec.network) ? [] : publishedPorts(record, settings),
    capabilities: capabilitiesOf(settings.hardening, { isBounded, sudo: spec.sudo }),
    noNewPrivileges: settings.hardening.noNewPrivileges && !spec.sudo,
    securityOptions: settings.hardening.securityOptions,
    logLimitBytes: settings.logLimitBytes,
    init: settings.init,
    ...runtimeOf(record),
    ...(spec.readOnlyRoot ? { readOnlyRoot: true } : {}),
    ...(parts.overrides === undefined ? {} : { overrides: parts.overrides }),
  };
}
