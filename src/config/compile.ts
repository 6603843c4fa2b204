/** From checked values to the compiled settings. Pure: whatever it needs of the machine is an argument. */
import { isIPv6 } from 'node:net';
import { join, resolve } from 'node:path';
import { formatByteSize } from '../lib/byte-size.ts';
import { maxHomeBytes, minHomeBytes, usualReserve } from '../lib/disk-space.ts';
import type { LogLevel } from '../lib/log.ts';
import { clusterPaths, type PathContext, standalonePaths } from './paths.ts';
import type { ConfigProblem } from './problems.ts';
import type { SchemaValues } from './schema.ts';
import type { AgentSettings, ContainerSettings, EtcdSettings, HostPort, Settings } from './settings.ts';
import { formatHostPort } from './value-types/address.ts';
import type { AccountLookup, OwnerChoice } from './value-types/credentials.ts';

/** What compiling depends on beside the values. */
export interface CompileContext extends PathContext {
  readonly gid: number;
  readonly mode: 'standalone' | 'cluster';
  readonly configFile: string | null;
  readonly watcherAddressGiven: boolean;
  readonly accounts: AccountLookup;
  /** Refuses a value, after which compiling goes on, so that all problems are found. */
  readonly report: (problem: Omit<ConfigProblem, 'place'>) => void;
  /** Warns of a value that is accepted, in a text that goes on after the key. */
  readonly warn: (key: string, text: string) => void;
}

const ownLevels: Readonly<Record<SchemaValues['logging']['level'], LogLevel>> = {
  CRITICAL: 'error',
  ERROR: 'error',
  WARNING: 'warn',
  INFO: 'info',
  DEBUG: 'debug',
  NOTSET: 'debug',
  TRACE: 'debug',
  SILENT: 'silent',
};

/** Whom programs run as when the agent is root and nobody says otherwise. */
const plainId = 1000;

/** Every value in the unit and form that the rest of the program works with. */
export function compileSettings(values: SchemaValues, context: CompileContext): Settings {
  const { kernelet, etcd, resource, watcher, metrics, debug } = values;
  const absolute = (path: string): string => resolve(context.workingDir, path);
  const agent = compileAgent(values, context.mode, absolute);
  const both = agent.allowComputePlugins?.find((name) => agent.blockComputePlugins?.includes(name));
  if (both !== undefined) {
    const message = 'is in allow-compute-plugins too';
    context.report({ key: 'agent.block-compute-plugins', value: both, message });
  }
  if (context.mode === 'cluster') checkAdvertised(agent, context);
  const metadataHost = agent.metadataServer?.host ?? '';
  if (isIPv6(metadataHost) && metadataHost !== '::') {
    const message = 'is an IPv6 address, of which kernels have none: give an IPv4 address of this host, 0.0.0.0 or ::';
    context.report({ key: 'agent.metadata-server-bind-host', value: metadataHost, message });
  }
  const paths = context.mode === 'cluster' ? clusterPaths(agent, context) : standalonePaths(context);
  const stateDir = absolute(kernelet['state-dir'] ?? paths.stateDir);
  const imageBootstrap = kernelet['image-bootstrap'] ?? (context.mode === 'cluster' ? 'root' : 'never');
  const changesRoot = context.mode === 'cluster' || imageBootstrap === 'root';
  return {
    mode: context.mode,
    configFile: context.configFile,
    stateDir,
    socketPath: absolute(kernelet.socket ?? paths.socketPath),
    volumeDir: absolute(kernelet['volume-dir'] ?? join(stateDir, 'volumes')),
    dockerHost: kernelet['docker-host'],
    mountAllow: kernelet['mount-allow'].map((path) => resolve(path)),
    mountAllowSetId: (kernelet['mount-allow-set-id'] ?? (context.mode === 'cluster' ? ['/'] : [])).map((path) =>
      resolve(path),
    ),
    socketProxies: kernelet['socket-proxies'],
    volumeFileSystems: kernelet['volume-file-systems'],
    devicePlugins: kernelet['device-plugins'],
    pluginOptions: kernelet['plugin-options'],
    defaults: {
      cpus: kernelet['default-cpus'],
      memoryBytes: kernelet['default-memory'],
      processes: kernelet['default-processes'],
      network: kernelet['default-network'],
      imagePull: kernelet['default-image-pull'],
      idleTimeoutMs: kernelet['kernel-idle-timeout'],
      onIdle: kernelet['on-idle'],
      diskLimitBytes: kernelet['disk-limit'],
      openFiles: kernelet['open-files'],
      homeBytes: homeLimit(values.container, context),
      homeInMemory: values.container['scratch-type'] === 'memory',
      bitsPerSecond: kernelet['default-bandwidth'],
    },
    ociRuntime: kernelet['oci-runtime'],
    ociRuntimes: [...new Set([kernelet['oci-runtime'] ?? [], kernelet['oci-runtimes']].flat())],
    imageBootstrap,
    writableRoot: kernelet['writable-root'] ?? (changesRoot ? 'always' : 'on-request'),
    imageCapabilities: kernelet['image-capabilities'],
    loosen: {
      capabilities: kernelet['loosen.capabilities'],
      seccompUnconfined: kernelet['loosen.seccomp-unconfined'],
      newPrivileges: kernelet['loosen.new-privileges'],
      noProcessLimit: kernelet['loosen.no-process-limit'],
      noMemoryLimit: kernelet['loosen.no-memory-limit'],
      noCpuLimit: kernelet['loosen.no-cpu-limit'],
      swap: kernelet['loosen.swap'],
      clusterServices: kernelet['loosen.cluster-services'],
    },
    readyTimeoutMs: kernelet['ready-timeout'],
    missingGraceMs: kernelet['missing-grace'],
    connectionLimit: kernelet['connection-limit'],
    onEngineRestart: kernelet['on-engine-restart'],
    diskReserve: kernelet['disk-reserve'] ?? usualReserve,
    keptHomes: { keepMs: kernelet['trash-keep'], maxBytes: kernelet['trash-size'] },
    etcd: context.mode === 'cluster' ? compileEtcd(etcd, absolute) : null,
    agent,
    container: compileContainer(values, context, stateDir),
    resource: {
      reservedCpus: resource['reserved-cpu'],
      reservedMemoryBytes: resource['reserved-mem'],
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
    debug: {
      kernelRunner: debug['kernel-runner'],
      logAllocationMap: debug['log-alloc-map'],
      heartbeatIntervalMs: Math.round(debug['heartbeat-interval'] * 1000),
    },
    watcher: {
      serviceAddress: watcher['service-addr'],
      serviceAddressGiven: context.watcherAddressGiven,
      tlsEnabled: watcher['ssl-enabled'],
      certificateFile: watcher['ssl-cert'] && absolute(watcher['ssl-cert']),
      keyFile: watcher['ssl-key'] && absolute(watcher['ssl-key']),
      targetService: watcher['target-service'],
      softResetAvailable: watcher['soft-reset-available'],
      supervises: kernelet['watcher.supervise'],
      allowsInsecureToken: kernelet['watcher.allow-insecure-token'],
    },
    logging: { level: debug.enabled ? 'debug' : ownLevels[values.logging.level] },
  };
}

/** A manager calls a node at the address that is advertised, else at the one that is listened on. */
function checkAdvertised({ advertisedRpcAddress, rpcListenAddress }: AgentSettings, context: CompileContext): void {
  const address = advertisedRpcAddress ?? rpcListenAddress;
  if (!['0.0.0.0', '::'].includes(address.host)) return;
  context.report({
    key: advertisedRpcAddress ? 'agent.advertised-rpc-addr' : 'agent.rpc-listen-addr',
    value: `"${formatHostPort(address)}"`,
    message: 'cannot be reached by managers; name in agent.advertised-rpc-addr where they reach this node',
  });
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

function compileAgent(
  { agent, kernelet }: Pick<SchemaValues, 'agent' | 'kernelet'>,
  mode: CompileContext['mode'],
  absolute: (path: string) => string,
): AgentSettings {
  return {
    backend: agent.backend ?? 'docker',
    id: agent.id,
    rpcListenAddress: agent['rpc-listen-addr'],
    advertisedRpcAddress: agent['advertised-rpc-addr'],
    managerPublicKeyFile: agent['rpc-auth-manager-public-key'] && absolute(agent['rpc-auth-manager-public-key']),
    requiresRpcAuth: kernelet['require-rpc-auth'],
    agentKeypairFile: agent['rpc-auth-agent-keypair'] && absolute(agent['rpc-auth-agent-keypair']),
    ipcBasePath: absolute(agent['ipc-base-path']),
    varBasePath: absolute(agent['var-base-path']),
    mountPath: agent['mount-path'] && absolute(agent['mount-path']),
    cohabitingStorageProxy: agent['cohabiting-storage-proxy'],
    publicHost: agent['public-host'],
    region: agent.region,
    scalingGroup: agent['scaling-group'],
    scalingGroupType: agent['scaling-group-type'],
    pidFile: agent['pid-file'] === null || agent['pid-file'] === '/dev/null' ? null : absolute(agent['pid-file']),
    destroyKernelsOnShutdown: agent['destroy-kernels-on-shutdown'],
    skipManagerDetection: agent['skip-manager-detection'],
    allowComputePlugins: agent['allow-compute-plugins'],
    blockComputePlugins: agent['block-compute-plugins'],
    imageCommitPath: absolute(agent['image-commit-path']),
    abuseReportPath: agent['abuse-report-path'] && absolute(agent['abuse-report-path']),
    forceTerminateAbusingContainers: agent['force-terminate-abusing-containers'],
    kernelCreationConcurrency: agent['kernel-creation-concurrency'],
    metadataServer: mode === 'cluster' ? metadataServerOf(agent, kernelet) : null,
  };
}

/** A loopback address is reached from no kernel. */
function metadataServerOf(agent: SchemaValues['agent'], kernelet: SchemaValues['kernelet']): HostPort | null {
  const [host, port] = [agent['metadata-server-bind-host'].trim(), agent['metadata-server-port']];
  const isReached = !/^(?:127\.|localhost$|::1$)/.test(host);
  return kernelet['metadata-server'] && isReached ? { host: host === '' ? '0.0.0.0' : host, port } : null;
}

function compileContainer(values: SchemaValues, context: CompileContext, stateDir: string): ContainerSettings {
  const { container } = values;
  const scratchType = container['scratch-type'] ?? 'hostdir';
  if (scratchType === 'k8s-nfs')
    context.warn('container.scratch-type', '= "k8s-nfs" is not served: scratch folders are kept as with hostdir');
  const isJail = container['sandbox-type'] === 'jail';
  if (isJail && values.kernelet['loosen.seccomp-unconfined']) {
    const message = 'goes not with kernelet.loosen.seccomp-unconfined, which leaves no filter to be stricter';
    context.report({ key: 'container.sandbox-type', value: '"jail"', message });
  }
  const [uid, gid] = [container['kernel-uid'], container['kernel-gid']];
  const kernelUser = { uid: userId(uid, context), gid: groupId(gid, context) };
  // Only root can give files away, and in a cluster storage shared by all nodes has files of one user.
  const isUserFree = 'own' in uid && context.uid === 0 && context.mode === 'standalone';
  const isGroupFree = 'own' in gid;
  const scratchDefault = context.mode === 'cluster' ? './scratches' : join(stateDir, 'scratch');
  return {
    kernelUser,
    kernelUsers: isUserFree
      ? { ...values.kernelet['kernel-uid-range'], gid: isGroupFree ? null : kernelUser.gid }
      : null,
    bindHost: container['bind-host'],
    advertisedHost: container['advertised-host'],
    portRange: container['port-range'],
    scratchRoot: resolve(context.workingDir, container['scratch-root'] ?? scratchDefault),
    scratchSizeBytes: container['scratch-size'],
    alternativeBridge: container['alternative-bridge'],
    isJail,
    infiniband: values.kernelet.infiniband ?? context.mode === 'cluster',
  };
}

/** What upstream gives a home in memory, whatever is asked for. */
const memoryHomeBytes = 64 * 2 ** 20;

/** Of a home that is not a plain folder the size is the limit (spec kernel-lifecycle B77, B78). */
function homeLimit(container: SchemaValues['container'], context: CompileContext): number | null {
  const type = container['scratch-type'];
  if (type !== 'hostfile' && type !== 'memory') return null;
  const asked = container['scratch-size'];
  const bytes = type === 'memory' && asked === 0 ? memoryHomeBytes : asked;
  if (bytes < minHomeBytes || bytes > maxHomeBytes) {
    const range = `${formatByteSize(minHomeBytes)} at least and ${formatByteSize(maxHomeBytes)} at most`;
    const message = `does not fit scratch-type = "${type}", which needs ${range}`;
    context.report({ key: 'container.scratch-size', value: `"${formatByteSize(bytes)}"`, message });
  }
  if (context.uid !== 0) {
    context.report({ key: 'container.scratch-type', value: `"${type}"`, message: 'needs an agent that is root' });
  }
  return bytes;
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
