/**
 * The compiled settings: the only form that the rest of the program sees. Every key has its value, sizes are bytes,
 * durations milliseconds, paths absolute, users and groups numbers. This module loads nothing at run time.
 */
import type { ReservedSpace } from '../lib/disk-space.ts';
import type { LogLevel } from '../lib/log.ts';

/** A host and a port. A blank host means: find out. */
export interface HostPort {
  readonly host: string;
  readonly port: number;
}

/** An inclusive range of ports. */
export interface PortRange {
  readonly first: number;
  readonly last: number;
}

/** A user and its group, by number. */
export interface UserIds {
  readonly uid: number;
  readonly gid: number;
}

/** Users of this host, both ends included. */
export interface UserRange {
  readonly first: number;
  readonly last: number;
  /** The group of all of them; null: each has the group of its own number. */
  readonly gid: number | null;
}

/** `[etcd]`: where the cluster's state lives. */
export interface EtcdSettings {
  readonly namespace: string;
  /** At least one; the next is asked when one is gone. */
  readonly addresses: readonly HostPort[];
  /** Blank: no credentials are sent. */
  readonly user: string;
  readonly password: string;
  readonly tls: {
    readonly enabled: boolean;
    /** Null: the system's authorities. It counts for Redis too. */
    readonly authorityFile: string | null;
    readonly certificateFile: string | null;
    readonly keyFile: string | null;
  };
}

/** `[agent]`: this node as the manager sees it. */
export interface AgentSettings {
  /** Which container engine: `dummy` makes no containers. */
  readonly backend: 'docker' | 'dummy';
  readonly id: string | null;
  readonly rpcListenAddress: HostPort;
  readonly advertisedRpcAddress: HostPort | null;
  readonly managerPublicKeyFile: string | null;
  readonly agentKeypairFile: string | null;
  /** Calls must be encrypted, and come from the manager whose key is known. */
  readonly requiresRpcAuth: boolean;
  readonly ipcBasePath: string;
  readonly varBasePath: string;
  readonly mountPath: string | null;
  readonly cohabitingStorageProxy: boolean;
  readonly publicHost: string | null;
  readonly region: string | null;
  readonly scalingGroup: string;
  readonly scalingGroupType: 'compute' | 'storage';
  /** null: no file gets the process id. */
  readonly pidFile: string | null;
  readonly destroyKernelsOnShutdown: boolean;
  readonly skipManagerDetection: boolean;
  /** null: all that are found. */
  readonly allowComputePlugins: readonly string[] | null;
  readonly blockComputePlugins: readonly string[] | null;
  readonly imageCommitPath: string;
  readonly abuseReportPath: string | null;
  readonly forceTerminateAbusingContainers: boolean;
  readonly kernelCreationConcurrency: number;
  /** Where kernels are told what they are; null: nowhere. */
  readonly metadataServer: HostPort | null;
}

/** `[container]`: what every kernel has in common. */
export interface ContainerSettings {
  /** Whom the tenant's processes run as, where a kernel has no user of its own. */
  readonly kernelUser: UserIds;
  /** Where kernels' own users come from; null: all have `kernelUser`. */
  readonly kernelUsers: UserRange | null;
  readonly bindHost: string;
  readonly advertisedHost: string | null;
  readonly portRange: PortRange;
  /** Where kernels' scratch folders are made. */
  readonly scratchRoot: string;
  /** How much of the files of a kernel is over-use; 0 = no bound. */
  readonly scratchSizeBytes: number;
  readonly alternativeBridge: string | null;
  /** Whether the filter of system calls is the stricter one. */
  readonly isJail: boolean;
  /** Whether kernels get the devices of InfiniBand, where this machine has some. */
  readonly infiniband: boolean;
}

/** `[resource]`: what of the machine is on offer. In standalone mode nothing is held back. */
export interface ResourceSettings {
  readonly reservedCpus: number;
  readonly reservedMemoryBytes: number;
  readonly allocationOrder: readonly string[];
  readonly affinityPolicy: 'interleaved' | 'prefer-single-node';
  readonly cpuOvercommitFactor: number;
  readonly memoryOvercommitFactor: number;
}

/** `[metrics]`: how often figures of containers are read, from where, and where they are served. */
export interface MetricsSettings {
  /** null: on the local API's socket alone. */
  readonly listen: HostPort | null;
  readonly periodMs: number;
  readonly adaptive: boolean;
  readonly source: 'direct' | 'engine';
}

/** `[debug]`, but for the level of the log. */
export interface DebugSettings {
  readonly kernelRunner: boolean;
  readonly logAllocationMap: boolean;
  readonly heartbeatIntervalMs: number;
}

/** `[watcher]` and `[kernelet.watcher]`: the daemon by which a manager starts and stops the agent. */
export interface WatcherSettings {
  readonly serviceAddress: HostPort;
  /** Whether the file gives the address: only then is the port published. */
  readonly serviceAddressGiven: boolean;
  readonly tlsEnabled: boolean;
  readonly certificateFile: string | null;
  readonly keyFile: string | null;
  /** The unit of systemd that runs the agent. */
  readonly targetService: string;
  readonly softResetAvailable: boolean;
  /** The watcher runs the agent itself, without systemd. */
  readonly supervises: boolean;
  /** It does what it is asked for while the cluster has no token of its own. */
  readonly allowsInsecureToken: boolean;
}

/** `[logging]`; `debug.enabled` is in the level. */
export interface LoggingSettings {
  readonly level: LogLevel;
}

/** What the operator has loosened of the hardening. Images and requests can't. */
export interface LoosenSettings {
  /** Capabilities that kernels get beyond those the runner needs, without `CAP_`. */
  readonly capabilities: readonly string[];
  readonly seccompUnconfined: boolean;
  readonly newPrivileges: boolean;
  readonly noProcessLimit: boolean;
  readonly noMemoryLimit: boolean;
  readonly noCpuLimit: boolean;
  readonly swap: boolean;
  /** Kernels reach etcd, Redis and other services of the cluster. */
  readonly clusterServices: boolean;
}

/** Which kernels can write to the root file systems of their containers: none, those that ask for it, or all. */
export type WritableRoot = 'never' | 'on-request' | 'always';

/** What a kernel gets when its request doesn't say. */
export interface KernelDefaults {
  readonly cpus: number;
  readonly memoryBytes: number;
  readonly processes: number;
  readonly network: 'none' | 'bridge';
  readonly imagePull: 'never' | 'missing' | 'always';
  /** null: a kernel is never removed for being idle. */
  readonly idleTimeoutMs: number | null;
  /** What is done about a kernel that was idle for that long. */
  readonly onIdle: 'end' | 'pause';
  /** null: the writable layer is not limited. */
  readonly diskLimitBytes: number | null;
  /** null: as many as the engine gives. */
  readonly openFiles: number | null;
  /** What the home may take; null: it is not limited. */
  readonly homeBytes: number | null;
  /** Whether homes are in memory. */
  readonly homeInMemory: boolean;
  /** Bits a second of the network each way; null: it is not limited. */
  readonly bitsPerSecond: number | null;
}

/** All settings of a node. Paths that were relative count from the working directory of the start. */
export interface Settings {
  readonly mode: 'standalone' | 'cluster';
  /** The file that was read. */
  readonly configFile: string | null;
  /** Everything that must outlive the process lies below it. */
  readonly stateDir: string;
  /** The UNIX socket of the local API. */
  readonly socketPath: string;
  /** Where the runner volumes are; several agents may share it. */
  readonly volumeDir: string;
  /** Address of the container engine; null = find it. */
  readonly dockerHost: string | null;
  /** Host folders whose content may be mounted; absolute, symlinks not yet resolved. */
  readonly mountAllow: readonly string[];
  /** Folders of the host that kernels with root may write in although they are not mounted `nosuid`. */
  readonly mountAllowSetId: readonly string[];
  /** Sockets of the host that a manager may have kernels reach. */
  readonly socketProxies: readonly string[];
  /** Of which a manager may have volumes mounted; as `mount -t` takes them. */
  readonly volumeFileSystems: readonly string[];
  /** Device plugins of third parties: package names or absolute paths. */
  readonly devicePlugins: readonly string[];
  /** Options of device plugins by the plugin's name. */
  readonly pluginOptions: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly defaults: KernelDefaults;
  readonly loosen: LoosenSettings;
  /** The OCI runtime of kernels; null = the engine's default. */
  readonly ociRuntime: string | null;
  /** Those that kernels may have, that one first. */
  readonly ociRuntimes: readonly string[];
  /** Whether images' own scripts are run. */
  readonly imageBootstrap: 'never' | 'root';
  readonly writableRoot: WritableRoot;
  /** Without `CAP_`; only in cluster mode. */
  readonly imageCapabilities: readonly string[];
  /** How long a kernel may take from its start until its runner is ready. */
  readonly readyTimeoutMs: number;
  /** How long a container may be missing until its kernel ends. */
  readonly missingGraceMs: number;
  /** What is done about kernels whose containers ended with the engine or the machine. */
  readonly onEngineRestart: 'restart' | 'end';
  /** What stays free for the node of the file systems that kernels write to. */
  readonly diskReserve: ReservedSpace;
  /** How many connections begun by one kernel the host follows at a time; 0 = no limit. */
  readonly connectionLimit: number;
  /** Files of kernels whose end nobody asked for. */
  readonly keptHomes: { readonly keepMs: number; readonly maxBytes: number };
  /** null in standalone mode. */
  readonly etcd: EtcdSettings | null;
  readonly agent: AgentSettings;
  readonly container: ContainerSettings;
  readonly resource: ResourceSettings;
  readonly metrics: MetricsSettings;
  readonly debug: DebugSettings;
  readonly watcher: WatcherSettings;
  readonly logging: LoggingSettings;
}

/** Where a value came from. */
export type SettingSource = 'default' | 'file' | 'environment' | 'flag' | 'cluster';

/** Settings, and where each value came from. */
export interface LoadedSettings {
  readonly settings: Settings;
  /** By key as written in the file: `container.port-range`. */
  readonly sources: ReadonlyMap<string, SettingSource>;
  /** The effective value of every key in the form of the file, secrets left out. */
  readonly values: ReadonlyMap<string, unknown>;
  /** What every key means, secrets too: two forms of one value are the same here. For comparing, never for showing. */
  readonly meanings: ReadonlyMap<string, unknown>;
  readonly warnings: readonly string[];
}
