/**
 * The body of a create request (spec kernel-lifecycle 7.2, hardened): everything that an image could decide about how
 * its container runs is overridden here, so that only the request and the operator do.
 */
import type { ContainerCreateRequest, HostConfig, Mount } from '@docker/node-sdk';
import type { DeviceArguments } from '../../resources/device-arguments.ts';
import type { ContainerLimits, ContainerMount, ContainerSpec, PublishedPort } from '../engine.ts';
import { mergeOverrides } from './container-overrides.ts';
import { readOnlyPaths } from './system-paths.ts';

/** Files that a container's log is spread over; the oldest goes when the bound is reached. */
const logFiles = 5;
/** Bytes of the smallest log file that is of use. */
const minLogFileBytes = 4096;
/** Microseconds, over which the share of CPU is counted. */
const cpuPeriodUs = 100_000;
/** What the engine takes for no limit. */
const unlimited = -1;
/** Networks on which the engine refuses aliases. */
const networksWithoutAliases = new Set(['none', 'host', 'bridge', 'default']);

/** What confines all containers alike, on this machine. */
export interface Confinement {
  /** The profile of AppArmor; null where the engine has none. */
  readonly appArmorProfile: string | null;
  /** What of `/proc` and `/sys` is empty. */
  readonly maskedPaths: readonly string[];
}

/** The body for `POST /containers/create`. */
export function containerBody(spec: ContainerSpec, confinement: Confinement): object {
  const body = {
    Image: spec.image,
    // The engine refuses one beside a network that is joined.
    ...(typeof spec.network === 'string' ? { Hostname: spec.hostname } : {}),
    // An image's USER, HEALTHCHECK and STOPSIGNAL would otherwise apply.
    User: spec.user ?? '0:0',
    Healthcheck: { Test: ['NONE'] },
    StopSignal: 'SIGTERM',
    Entrypoint: [...spec.entrypoint],
    Cmd: [...spec.command],
    Env: [...spec.environ],
    WorkingDir: spec.workingDirectory,
    Labels: { ...spec.labels },
    Tty: false,
    OpenStdin: false,
    AttachStdin: false,
    AttachStdout: false,
    AttachStderr: false,
    ExposedPorts: Object.fromEntries(spec.ports.map((port) => [portKey(port), {}])),
    HostConfig: hostConfig(spec, confinement),
    ...networking(spec),
  } satisfies ContainerCreateRequest;
  const withDevices = spec.devices === undefined ? body : mergeOverrides(body, deviceFields(spec.devices));
  return spec.overrides === undefined ? withDevices : mergeOverrides(withDevices, spec.overrides);
}

function hostConfig(spec: ContainerSpec, { appArmorProfile, maskedPaths }: Confinement): HostConfig {
  return {
    Privileged: false,
    PublishAllPorts: false,
    AutoRemove: false,
    RestartPolicy: { Name: 'no' },
    IpcMode: 'private',
    // With the host's own a kernel reads where in the host's hierarchy it lies, which engines leave so with cgroup v1.
    CgroupnsMode: 'private',
    Init: spec.init,
    NetworkMode: typeof spec.network === 'string' ? spec.network : `container:${spec.network.container}`,
    ...(spec.readOnlyRoot === true ? { ReadonlyRootfs: true } : {}),
    ...(spec.runtime === undefined ? {} : { Runtime: spec.runtime }),
    CapDrop: ['ALL'],
    CapAdd: [...spec.capabilities],
    SecurityOpt: [
      ...(spec.noNewPrivileges ? ['no-new-privileges:true'] : []),
      ...(appArmorProfile === null ? [] : [`apparmor=${appArmorProfile}`]),
      ...spec.securityOptions,
    ],
    MaskedPaths: [...maskedPaths],
    ReadonlyPaths: [...readOnlyPaths],
    LogConfig: logConfig(spec.logLimitBytes),
    Mounts: spec.mounts.map(bind),
    Tmpfs: { ...spec.temporaryFilesystems },
    PortBindings: portBindings(spec.ports),
    ...(spec.hosts?.length ? { ExtraHosts: spec.hosts.map(([name, address]) => `${name}:${address}`) } : {}),
    ...limits(spec.limits),
  };
}

/** Memory and memory-with-swap are equal: no swap. */
function limits(wanted: ContainerLimits): HostConfig {
  return {
    // Not NanoCpus: the engine refuses more of them than there are cores, which are shared when overcommitted.
    ...(wanted.cpus === null ? {} : { CpuPeriod: cpuPeriodUs, CpuQuota: Math.round(wanted.cpus * cpuPeriodUs) }),
    ...(wanted.memoryBytes === null
      ? {}
      : { Memory: wanted.memoryBytes, MemorySwap: wanted.swap ? unlimited : wanted.memoryBytes }),
    PidsLimit: wanted.processes ?? unlimited,
    ...(wanted.cpuset === undefined ? {} : { CpusetCpus: wanted.cpuset }),
    ...(wanted.sharedMemoryBytes === undefined ? {} : { ShmSize: wanted.sharedMemoryBytes }),
    ...(wanted.diskBytes === undefined ? {} : { StorageOpt: { size: String(wanted.diskBytes) } }),
    Ulimits: [
      // Nobody reads a kernel's core files, and a tenant would fill the disk with them.
      { Name: 'core', Soft: 0, Hard: 0 },
      ...(wanted.openFiles === undefined ? [] : [{ Name: 'nofile', Soft: wanted.openFiles, Hard: wanted.openFiles }]),
      ...(wanted.lockedBytes === undefined ? [] : [memoryLock(wanted.lockedBytes)]),
    ],
  };
}

function memoryLock(bytes: number): { readonly Name: string; readonly Soft: number; readonly Hard: number } {
  const most = Number.isFinite(bytes) ? bytes : unlimited;
  return { Name: 'memlock', Soft: most, Hard: most };
}

/**
 * Mounts made later on either side don't cross. A read-only bind leaves out what is mounted below its source: engines
 * before API 1.44 make only the top read-only, and the tenant could write to the rest.
 */
function bind(mount: ContainerMount): Mount {
  return {
    Type: 'bind',
    Source: mount.source,
    Target: mount.target,
    ReadOnly: mount.readOnly,
    BindOptions: { Propagation: 'rprivate', ...(mount.readOnly ? { NonRecursive: true } : {}) },
  };
}

function logConfig(limitBytes: number): NonNullable<HostConfig['LogConfig']> {
  const size = Math.max(minLogFileBytes, Math.floor(limitBytes / logFiles));
  return {
    Type: 'local',
    Config: { 'max-size': engineSize(size), 'max-file': String(logFiles), compress: 'false' },
  };
}

/** In the engine's units, where they come out even. */
function engineSize(bytes: number): string {
  if (bytes % 2 ** 20 === 0) return `${bytes / 2 ** 20}m`;
  if (bytes % 2 ** 10 === 0) return `${bytes / 2 ** 10}k`;
  return String(bytes);
}

const portKey = (port: PublishedPort): string => `${port.containerPort}/tcp`;

function portBindings(ports: readonly PublishedPort[]): Record<string, { HostIp: string; HostPort: string }[]> {
  const bindings: Record<string, { HostIp: string; HostPort: string }[]> = {};
  for (const port of ports) {
    const binding = { HostIp: port.hostAddress, HostPort: String(port.hostPort) };
    bindings[portKey(port)] = [...(bindings[portKey(port)] ?? []), binding];
  }
  return bindings;
}

function networking(spec: ContainerSpec): Pick<ContainerCreateRequest, 'NetworkingConfig'> {
  if (typeof spec.network !== 'string' || spec.networkAliases.length === 0 || networksWithoutAliases.has(spec.network))
    return {};
  return { NetworkingConfig: { EndpointsConfig: { [spec.network]: { Aliases: [...spec.networkAliases] } } } };
}

/** What devices need (spec resources-and-stats 5.2, 6.2, 14.4), as fields to lay over a container's body. */
export function deviceFields(wanted: DeviceArguments): Readonly<Record<string, unknown>> {
  const { cores, memoryBytes, sharedMemoryBytes, requests, runtime, nodes, environ } = wanted;
  const hostConfig = {
    // `Cpus` is no field of the engine, which passes it over; the set is what limits.
    ...(cores === undefined ? {} : { Cpus: cores.length, CpusetCpus: cores.join(',') }),
    // Equal values: no swap.
    ...(memoryBytes === undefined ? {} : { MemorySwap: memoryBytes, Memory: memoryBytes }),
    ...(sharedMemoryBytes === undefined ? {} : { ShmSize: sharedMemoryBytes }),
    ...(requests === undefined
      ? {}
      : {
          DeviceRequests: requests.map(({ driver, ids, capabilities }) => ({
            Driver: driver,
            DeviceIDs: [...ids],
            Capabilities: [[...capabilities]],
          })),
        }),
    ...(runtime === undefined ? {} : { Runtime: runtime }),
    ...(nodes === undefined
      ? {}
      : { Devices: nodes.map((path) => ({ PathOnHost: path, PathInContainer: path, CgroupPermissions: 'rwm' })) }),
  };
  return {
    ...(Object.keys(hostConfig).length === 0 ? {} : { HostConfig: hostConfig }),
    ...(environ === undefined ? {} : { Env: [...environ] }),
  };
}
