/** What an engine says of itself and what it is asked for, for tests that care for one field of many. */
import type { ContainerSpec, EngineInfo } from '../../src/engine/engine.ts';

/** Docker of the oldest version that is supported, on overlay2 and cgroups v2. */
export function engineInfo(change: Partial<EngineInfo> = {}): EngineInfo {
  return {
    name: 'engine',
    identity: '',
    version: '20.10',
    apiVersion: '1.41',
    architecture: 'x86_64',
    storageDriver: 'overlay2',
    cgroupVersion: 2,
    cgroupDriver: 'systemd',
    cgroupParent: 'system.slice',
    cpus: 1,
    memoryBytes: 1,
    dataRoot: '/var/lib/docker',
    runtimes: [],
    securityOptions: ['name=seccomp,profile=default'],
    mappedRoot: null,
    isRootless: false,
    enforced: { cpus: true, memory: true, processes: true },
    openFilesLimit: 20_000,
    ...change,
  };
}

/** A container without a network, with small limits, and nothing that it may do. */
export function containerSpec(
  change: Partial<ContainerSpec> & Pick<ContainerSpec, 'name' | 'image' | 'entrypoint'>,
): ContainerSpec {
  return {
    hostname: 'test',
    command: [],
    environ: [],
    workingDirectory: '/',
    labels: {},
    mounts: [],
    temporaryFilesystems: {},
    limits: { cpus: 1, memoryBytes: 64 * 2 ** 20, processes: 64 },
    network: 'none',
    networkAliases: [],
    ports: [],
    capabilities: [],
    noNewPrivileges: true,
    securityOptions: [],
    logLimitBytes: 2 ** 20,
    init: true,
    ...change,
  };
}
