/** From checked values to the compiled settings. Pure: whatever it needs of the machine is an argument. */
import { join, resolve } from 'node:path';
import { compileLogging } from './compile-logging.ts';
import { clusterPaths, type PathContext, standalonePaths } from './paths.ts';
import type { ConfigProblem } from './problems.ts';
import type { SchemaValues } from './schema.ts';
import type { AgentSettings, ContainerSettings, DebugSettings, EtcdSettings, Settings } from './settings.ts';
import type { AccountLookup, OwnerChoice } from './value-types/owner.ts';

/** What compiling depends on beside the values. */
export interface CompileContext extends PathContext {
  readonly gid: number;
  readonly mode: 'standalone' | 'cluster';
  readonly configFile: string | null;
  readonly watcherAddressGiven: boolean;
  readonly accounts: AccountLookup;
  /** Tells of a value that can't be compiled. */
  readonly report: (problem: Omit<ConfigProblem, 'place'>) => void;
}

/** Whom programs run as when the agent is root and nobody says otherwise. */
const plainId = 1000;

/** Compiles. */
export function compileSettings(values: SchemaValues, context: CompileContext): Settings {
  const { kernelet, etcd, resource, watcher, metrics } = values;
  const absolute = (path: string): string => resolve(context.workingDir, path);
  const agent = compileAgent(values.agent, absolute);
  const both = agent.allowComputePlugins?.find((name) => agent.blockComputePlugins?.includes(name));
  if (both !== undefined) {
    const message = 'is in allow-compute-plugins too';
    context.report({ key: 'agent.block-compute-plugins', value: both, message });
  }
  const places = context.mode === 'cluster' ? clusterPaths(agent, context) : standalonePaths(context);
  const stateDir = absolute(kernelet['state-dir'] ?? places.stateDir);
  return {
    mode: context.mode,
    configFile: context.configFile,
    stateDir,
    socketPath: absolute(kernelet.socket ?? places.socketPath),
    volumeDir: absolute(kernelet['volume-dir'] ?? join(stateDir, 'volumes')),
    dockerHost: kernelet['docker-host'],
    mountAllow: kernelet['mount-allow'].map((path) => resolve(path)),
    devicePlugins: kernelet['device-plugins'],
    pluginOptions: kernelet['plugin-options'],
    defaults: {
      cpus: kernelet['default-cpus'],
      memoryBytes: kernelet['default-memory'],
      processes: kernelet['default-processes'],
      network: kernelet['default-network'],
      imagePull: kernelet['default-image-pull'],
      idleTimeoutMs: kernelet['kernel-idle-timeout'],
      diskLimitBytes: kernelet['disk-limit'],
      openFiles: kernelet['open-files'],
    },
    imageBootstrap: kernelet['image-bootstrap'] ?? (context.mode === 'cluster' ? 'root' : 'never'),
    imageCapabilities: kernelet['image-capabilities'],
    loosen: {
      capabilities: kernelet['loosen.capabilities'],
      seccompUnconfined: kernelet['loosen.seccomp-unconfined'],
      newPrivileges: kernelet['loosen.new-privileges'],
      noProcessLimit: kernelet['loosen.no-process-limit'],
      noMemoryLimit: kernelet['loosen.no-memory-limit'],
      noCpuLimit: kernelet['loosen.no-cpu-limit'],
      swap: kernelet['loosen.swap'],
    },
    readyTimeoutMs: kernelet['ready-timeout'],
    etcd: context.mode === 'cluster' ? compileEtcd(etcd, absolute) : null,
    agent,
    container: compileContainer(values, context, stateDir),
    resource: {
      reservedCpus: resource['reserved-cpu'],
      reservedMemoryBytes: resource['reserved-mem'],
      reservedDiskBytes: resource['reserved-disk'],
      allocationOrder: resource['allocation-order'],
      affinityPolicy: resource['affinity-policy'] === 'INTERLEAVED' ? 'interleaved' : 'prefer-single-node',
      cpuOvercommitFactor: resource['cpu-overcommit-factor'],
      memoryOvercommitFactor: resource['mem-overcommit-factor'],
    },
    metrics: {
      listen: metrics.listen,
      periodMs: metrics.period,
      adaptive: metrics.adaptive,
      source: metrics.source,
    },
    debug: compileDebug(values.debug, absolute),
    watcher: {
      serviceAddress: watcher['service-addr'],
      serviceAddressGiven: context.watcherAddressGiven,
      tls: {
        enabled: watcher['ssl-enabled'],
        certificateFile: watcher['ssl-cert'] && absolute(watcher['ssl-cert']),
        keyFile: watcher['ssl-key'] && absolute(watcher['ssl-key']),
      },
      targetService: watcher['target-service'],
      softResetAvailable: watcher['soft-reset-available'],
    },
    logging: compileLogging(values, absolute, context.report),
  };
}

function compileEtcd(etcd: SchemaValues['etcd'], absolute: (path: string) => string): EtcdSettings {
  return {
    namespace: etcd.namespace ?? '',
    addresses: etcd.addr,
    user: etcd.user,
    password: etcd.password,
    tls: {
      enabled: etcd['ssl-enabled'],
      authorityFile: etcd['ssl-ca-cert'] && absolute(etcd['ssl-ca-cert']),
      certificateFile: etcd['ssl-cert'] && absolute(etcd['ssl-cert']),
      keyFile: etcd['ssl-key'] && absolute(etcd['ssl-key']),
    },
  };
}

function compileAgent(agent: SchemaValues['agent'], absolute: (path: string) => string): AgentSettings {
  const sweep = agent['sync-container-lifecycles.enabled'];
  return {
    backend: agent.backend ?? 'docker',
    id: agent.id,
    rpcListenAddress: agent['rpc-listen-addr'],
    advertisedRpcAddress: agent['advertised-rpc-addr'],
    managerPublicKeyFile: agent['rpc-auth-manager-public-key'] && absolute(agent['rpc-auth-manager-public-key']),
    agentKeypairFile: agent['rpc-auth-agent-keypair'] && absolute(agent['rpc-auth-agent-keypair']),
    agentSocketPort: agent['agent-sock-port'],
    ipcBasePath: absolute(agent['ipc-base-path']),
    varBasePath: absolute(agent['var-base-path']),
    mountPath: agent['mount-path'] && absolute(agent['mount-path']),
    cohabitingStorageProxy: agent['cohabiting-storage-proxy'],
    publicHost: agent['public-host'],
    region: agent.region,
    instanceType: agent['instance-type'],
    scalingGroup: agent['scaling-group'],
    scalingGroupType: agent['scaling-group-type'],
    pidFile: agent['pid-file'] === null || agent['pid-file'] === '/dev/null' ? null : absolute(agent['pid-file']),
    destroyKernelsOnShutdown: agent['destroy-kernels-on-shutdown'],
    skipManagerDetection: agent['skip-manager-detection'],
    metadataServer: { host: agent['metadata-server-bind-host'], port: agent['metadata-server-port'] },
    allowComputePlugins: agent['allow-compute-plugins'],
    blockComputePlugins: agent['block-compute-plugins'],
    imageCommitPath: absolute(agent['image-commit-path']),
    abuseReportPath: agent['abuse-report-path'] && absolute(agent['abuse-report-path']),
    forceTerminateAbusingContainers: agent['force-terminate-abusing-containers'],
    kernelCreationConcurrency: agent['kernel-creation-concurrency'],
    orphanSweepIntervalMs: sweep ? Math.max(1000, agent['sync-container-lifecycles.interval'] * 1000) : null,
  };
}

function compileContainer(values: SchemaValues, context: CompileContext, stateDir: string): ContainerSettings {
  const { container } = values;
  const scratchDefault = context.mode === 'cluster' ? './scratches' : join(stateDir, 'scratch');
  return {
    kernelUser: { uid: userId(container['kernel-uid'], context), gid: groupId(container['kernel-gid'], context) },
    bindHost: container['bind-host'],
    advertisedHost: container['advertised-host'],
    portRange: container['port-range'],
    statsType: container['stats-type'] ?? 'docker',
    sandboxType: container['sandbox-type'],
    jailArguments: container['jail-args'].map((argument) => argument.trim()),
    scratchType: container['scratch-type'] ?? 'hostdir',
    scratchRoot: resolve(context.workingDir, container['scratch-root'] ?? scratchDefault),
    scratchSizeBytes: container['scratch-size'],
    scratchNfsAddress: container['scratch-nfs-address'],
    scratchNfsOptions: container['scratch-nfs-options'],
    alternativeBridge: container['alternative-bridge'],
    swarmEnabled: container['swarm-enabled'],
  };
}

function userId(choice: OwnerChoice, context: CompileContext): number {
  if ('id' in choice) return choice.id;
  const own = context.uid === 0 ? plainId : context.uid;
  if ('own' in choice) return own;
  const user = context.accounts.user(choice.name);
  if (user) return user.uid;
  context.report({ key: 'container.kernel-uid', value: choice.name, message: 'is not a user of this machine' });
  return own;
}

/** A group of that name, else the first group of a user of that name, as upstream reads it. */
function groupId(choice: OwnerChoice, context: CompileContext): number {
  if ('id' in choice) return choice.id;
  const own = context.uid === 0 ? plainId : context.gid;
  if ('own' in choice) return own;
  const gid = context.accounts.group(choice.name) ?? context.accounts.user(choice.name)?.gid;
  if (gid !== undefined) return gid;
  context.report({ key: 'container.kernel-gid', value: choice.name, message: 'is not a group of this machine' });
  return own;
}

function compileDebug(debug: SchemaValues['debug'], absolute: (path: string) => string): DebugSettings {
  return {
    enabled: debug.enabled,
    kernelRunner: debug['kernel-runner'],
    skipContainerDeletion: debug['skip-container-deletion'],
    logStats: debug['log-stats'],
    logKernelConfig: debug['log-kernel-config'],
    logAllocationMap: debug['log-alloc-map'],
    logEvents: debug['log-events'],
    logHeartbeats: debug['log-heartbeats'],
    logDockerEvents: debug['log-docker-events'],
    heartbeatIntervalMs: Math.round(debug['heartbeat-interval'] * 1000),
    coreDump: {
      enabled: debug['coredump.enabled'],
      path: absolute(debug['coredump.path']),
      backupCount: debug['coredump.backup-count'],
      sizeLimitBytes: debug['coredump.size-limit'],
    },
  };
}
