/**
 * What kernelet needs of a container engine, without the nouns of any particular one. Every call takes an AbortSignal
 * and must end soon after it aborts. Failures are KerneletErrors: ENGINE_UNAVAILABLE when the engine does not answer,
 * ENGINE_FAILED with `context.status` when it refuses, IMAGE_NOT_FOUND, IMAGE_PULL_FAILED, IMAGE_BUILD_FAILED.
 */
import type { ContainerId } from '../lib/ids.ts';
import type { DeviceArguments } from '../resources/device-arguments.ts';

/** Facts about the engine and its host. */
export interface EngineInfo {
  readonly name: string;
  /** What the engine calls itself; engines of one machine may share it, and one that lost its data may keep it. Blank: nothing. */
  readonly identity: string;
  readonly version: string;
  readonly apiVersion: string;
  /** As the engine names it: `x86_64`, `aarch64`. */
  readonly architecture: string;
  readonly storageDriver: string;
  readonly cgroupVersion: 1 | 2;
  readonly cgroupDriver: string;
  /** The cgroup in which its containers are made when none is asked for, below the root of the hierarchy: `system.slice`. */
  readonly cgroupParent: string;
  readonly cpus: number;
  readonly memoryBytes: number;
  /** Where the engine keeps its data, on this machine. */
  readonly dataRoot: string;
  readonly runtimes: readonly string[];
  /** What isolates containers, in the engine's words: `name=seccomp,profile=default`, `name=userns`. */
  readonly securityOptions: readonly string[];
  /** Whom root of containers is on this host, where the engine gives them other ids than the host's (`userns-remap`). */
  readonly mappedRoot: { readonly uid: number; readonly gid: number } | null;
  /** Whether it runs without root, in namespaces of a user's own. */
  readonly isRootless: boolean;
  /** Which limits of containers it enforces; others it passes over. */
  readonly enforced: { readonly cpus: boolean; readonly memory: boolean; readonly processes: boolean };
  /** Hard `nofile` limit that a container gets when none is asked for; undefined when unknown. */
  readonly openFilesLimit?: number;
}

/** An image on this machine. */
export interface EngineImage {
  readonly id: string;
  readonly references: readonly string[];
  readonly digests: readonly string[];
  /** In Go's words: `amd64`, `arm64`. */
  readonly architecture: string;
  readonly os: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly environ: readonly string[];
  readonly command: readonly string[];
  /** Paths at which its containers get a volume each, whatever is asked for. */
  readonly volumes: readonly string[];
  readonly sizeBytes: number;
  readonly createdAt: string;
}

/** A bind of a host path into a container. */
export interface ContainerMount {
  readonly source: string;
  readonly target: string;
  readonly readOnly: boolean;
}

/** A container port that is published on a host address. */
export interface PublishedPort {
  readonly containerPort: number;
  readonly hostAddress: string;
  readonly hostPort: number;
}

/** Limits that the engine enforces; null = no limit. */
export interface ContainerLimits {
  /** CPUs, in fractions too: 0.5 is half the time of one. */
  readonly cpus: number | null;
  /** Core ids in kernel list form (`0-1,4`); absent = any. */
  readonly cpuset?: string;
  readonly memoryBytes: number | null;
  /** Whether memory may be swapped out, beyond its limit; absent = no. */
  readonly swap?: boolean;
  readonly processes: number | null;
  readonly sharedMemoryBytes?: number;
  /** Bytes that the writable layer may take; only where the storage driver can. */
  readonly diskBytes?: number;
  readonly openFiles?: number;
  /** Memory that a process may lock, Infinity for all that it has; absent = as much as the engine gives. */
  readonly lockedBytes?: number;
}

/** The network of another container that runs: its addresses, host name and names of hosts are shared. */
export interface JoinedNetwork {
  readonly kind: 'join';
  readonly container: ContainerId;
}

/** Labels that objects are looked for by, all of them: name → value, or null for any value. */
export type WantedLabels = Readonly<Record<string, string | null>>;

/** Everything needed to make a container. Nothing is inherited from the image's entry point or command. */
export interface ContainerSpec {
  readonly name: string;
  readonly image: string;
  readonly hostname: string;
  readonly entrypoint: readonly string[];
  readonly command: readonly string[];
  /** Variables of its first process, as `KEY=VALUE`. */
  readonly environ: readonly string[];
  readonly workingDirectory: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly mounts: readonly ContainerMount[];
  /** In-memory file systems: path → mount options (`rw,noexec,size=64m`). */
  readonly temporaryFilesystems: Readonly<Record<string, string>>;
  readonly limits: ContainerLimits;
  /** What its devices need beside cores and memory, which are limits. */
  readonly devices?: Omit<DeviceArguments, 'cores' | 'memoryBytes' | 'sharedMemoryBytes'>;
  /** Network name, or `none`, or that of a container; the latter leaves no choice of host name, aliases and ports. */
  readonly network: string | JoinedNetwork;
  readonly networkAliases: readonly string[];
  /** Addresses by name, for its file of hosts. */
  readonly hosts?: readonly (readonly [string, string])[];
  readonly ports: readonly PublishedPort[];
  /** Capabilities kept; all others are dropped. */
  readonly capabilities: readonly string[];
  readonly noNewPrivileges: boolean;
  /** Extra security options in the engine's words (`seccomp=…`). */
  readonly securityOptions: readonly string[];
  /** Bound of the container's own log. */
  readonly logLimitBytes: number;
  /** A small init as process 1 that reaps orphans. */
  readonly init: boolean;
  /** `uid:gid` of its first process; absent = root's. */
  readonly user?: string;
  /** Whether nothing can be written but to mounts; absent = no. */
  readonly readOnlyRoot?: boolean;
  /** The OCI runtime, by its name in the engine's configuration; absent = the engine's default. */
  readonly runtime?: string;
  /** Engine-specific fields merged last, from an operator's override file. */
  readonly overrides?: Readonly<Record<string, unknown>>;
}

/** A container in a listing. */
export interface ContainerSummary {
  readonly id: ContainerId;
  readonly name: string;
  readonly image: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly state: ContainerState;
}

/** The states of a container; one that is `restarting` or `removing` is in transition, and nobody else acts on it. */
export type ContainerState = 'created' | 'running' | 'paused' | 'restarting' | 'removing' | 'exited' | 'dead';

/** A container in detail: why it ended comes from here. */
export interface ContainerDetail extends ContainerSummary {
  readonly pid: number;
  readonly exitCode: number;
  readonly outOfMemory: boolean;
  readonly error: string;
  readonly startedAt: string;
  readonly finishedAt: string;
  readonly ports: readonly PublishedPort[];
  readonly networkAddress: string | null;
  /** Names of the networks that it is on; none where it has joined that of another container. */
  readonly networks: readonly string[];
  readonly cgroupParent: string;
  /** Where the network files that it has from its network lie on this machine; blank = unknown. */
  readonly networkFiles: { readonly hosts: string; readonly 'resolv.conf': string; readonly hostname: string };
}

/** A network of the engine. */
export interface EngineNetwork {
  readonly id: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly subnets: readonly string[];
  /** The name of its interface on this host; null where the engine has chosen it. */
  readonly interfaceName: string | null;
  /** Whether containers on it are kept off each other. */
  readonly isolated: boolean;
  /** Ids of the containers on it. */
  readonly attached: readonly string[];
}

/** How to make a network: a bridge on this host. */
export interface NetworkSpec {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  /** At most 15 characters; absent = the engine's choice. */
  readonly interfaceName?: string;
  /** Absent = containers on it reach each other. */
  readonly isolated?: boolean;
}

/** A hint that something changed. Truth comes from inspect. */
export type EngineEvent =
  | { readonly type: 'connected' }
  | { readonly type: 'disconnected'; readonly error: string }
  | {
      readonly type: 'container';
      readonly action:
        | 'created'
        | 'started'
        | 'paused'
        | 'resumed'
        | 'died'
        | 'out-of-memory'
        | 'destroyed'
        | 'killed'
        | 'other';
      readonly id: ContainerId;
      readonly name: string;
      readonly labels: Readonly<Record<string, string>>;
      readonly exitCode?: number;
    };

/** One line of progress of a pull or build. */
export interface Progress {
  readonly message: string;
  /** 0 to 1 when known. */
  readonly fraction?: number;
}

/** Credentials of a user of an image registry. */
export interface RegistryAuth {
  readonly username: string;
  readonly password: string;
  readonly serverAddress: string;
}

/** How an image is removed. */
export interface ImageRemoval {
  /** Also when stopped containers use it, and under each of its names when its id is given. */
  readonly force: boolean;
  readonly keepParents?: boolean | undefined;
}

/** How a container becomes an image. */
export interface CommitOptions {
  /** null: the image is known by its id alone. */
  readonly reference: string | null;
  /** In place of the container's own of these names; its others stay. */
  readonly labels: Readonly<Record<string, string>>;
  /** What the image starts, in place of what the container has started. */
  readonly command: readonly string[];
}

/** A piece of what a container has printed. */
export interface LogChunk {
  readonly stream: 'stdout' | 'stderr';
  readonly data: Uint8Array;
}

/** Result of a command run in a container. */
export interface ExecResult {
  readonly exitCode: number;
  readonly stdout: Uint8Array;
  readonly stderr: Uint8Array;
}

/** Figures of a running container since its start, as the engine measures them; null = unknown. */
export interface EngineFigures {
  readonly cpuNanoseconds: number | null;
  readonly throttledNanoseconds: number | null;
  readonly cpuPeriods: number | null;
  readonly throttledPeriods: number | null;
  /** Memory in use, with the page cache. */
  readonly chargedBytes: number | null;
  /** Page cache that can be dropped at any time. */
  readonly droppableBytes: number | null;
  readonly memoryPeakBytes: number | null;
  readonly memoryLimitBytes: number | null;
  readonly processes: number | null;
  readonly processesLimit: number | null;
  readonly readBytes: number | null;
  readonly writtenBytes: number | null;
  readonly receivedBytes: number | null;
  readonly sentBytes: number | null;
}

/** A container engine on this machine. */
export interface Engine extends AsyncDisposable {
  readonly kind: string;
  /** Where it is reached, for messages. */
  readonly address: string;
  /** The chain of this host's packet filter in which rules of others come before the engine's own; null = there is none. */
  readonly rulesChain: string | null;
  /** The network by which containers on networks of several nodes reach what lies outside; null = there is none. */
  readonly gatewayNetwork: string | null;
  /** Resolves when it answers on a new connection: one that is ending serves those that it has, and takes no other. */
  ping(signal: AbortSignal): Promise<void>;
  info(signal: AbortSignal): Promise<EngineInfo>;
  /**
   * Since when it runs, in milliseconds since the epoch, as far as its containers of before did not outlive its start; null = it
   * does not say.
   */
  startedAt(signal: AbortSignal): Promise<number | null>;

  listImages(signal: AbortSignal): Promise<readonly EngineImage[]>;
  /** One image by name, name with digest, or id. Throws IMAGE_NOT_FOUND. */
  inspectImage(reference: string, signal: AbortSignal): Promise<EngineImage>;
  pullImage(
    reference: string,
    options: { auth?: RegistryAuth; onProgress?: (progress: Progress) => void },
    signal: AbortSignal,
  ): Promise<void>;
  /** Builds from a tar stream with a recipe of the name `Dockerfile` at its top. */
  buildImage(
    context: ReadableStream<Uint8Array>,
    options: {
      reference: string;
      buildArguments: Readonly<Record<string, string>>;
      labels: Readonly<Record<string, string>>;
      onProgress?: (progress: Progress) => void;
    },
    signal: AbortSignal,
  ): Promise<void>;
  /** Makes an image of one layer from the tar stream of a root file system. */
  importImage(tar: ReadableStream<Uint8Array>, reference: string, signal: AbortSignal): Promise<void>;
  tagImage(reference: string, newReference: string, signal: AbortSignal): Promise<void>;
  /** Idempotent: an absent image is success. Parents without a name go too, unless they are to be kept. */
  removeImage(reference: string, options: ImageRemoval, signal: AbortSignal): Promise<void>;

  /** Sends it to the registry that its name says. Throws IMAGE_PUSH_FAILED. */
  pushImage(
    reference: string,
    options: { auth?: RegistryAuth; onProgress?: (progress: Progress) => void },
    signal: AbortSignal,
  ): Promise<void>;
  /** The image with its layers as a tar archive that engines can load. Throws IMAGE_NOT_FOUND. */
  exportImage(reference: string, signal: AbortSignal): AsyncIterable<Uint8Array>;
  /** Makes an image of what the container's root file system holds, mounts left out, and gives its id. */
  commitContainer(id: ContainerId, options: CommitOptions, signal: AbortSignal): Promise<string>;
  /** Whether this process waits for such an image; the engine may have the container paused for it meanwhile. */
  isCommitting(id: ContainerId): boolean;

  /** Throws KERNEL_EXISTS when the name is taken, IMAGE_NOT_FOUND. */
  createContainer(spec: ContainerSpec, signal: AbortSignal): Promise<ContainerId>;
  /** Idempotent: a container that is on the network is success. Throws ENGINE_FAILED when there is no such network. */
  connectContainer(id: ContainerId, network: string, signal: AbortSignal): Promise<void>;
  /** Idempotent: a running container is success. A host port in use gives ENGINE_FAILED with `context.port`. */
  startContainer(id: ContainerId, signal: AbortSignal): Promise<void>;
  /** Returns null when there is none. Takes an id or a name. */
  inspectContainer(idOrName: string, signal: AbortSignal): Promise<ContainerDetail | null>;
  /** Whether a path of the container's file system, running or not, is a symbolic link; an absent one is none. */
  isLink(id: ContainerId, path: string, signal: AbortSignal): Promise<boolean>;
  /**
   * A file of a container, running or not, as its mounts let it be seen. `no-file`: a symbolic link or anything else that is
   * no file, or one of more than `maxBytes`.
   */
  readFile(
    id: ContainerId,
    path: string,
    maxBytes: number,
    signal: AbortSignal,
  ): Promise<Uint8Array | 'absent' | 'no-file'>;
  /** All containers, in any state, that carry every one of these labels. */
  listContainers(labels: WantedLabels, signal: AbortSignal): Promise<readonly ContainerSummary[]>;
  /** Idempotent: a container that is absent or not running is success. */
  killContainer(id: ContainerId, killSignal: string, signal: AbortSignal): Promise<void>;
  /** Its processes stand still. Idempotent: a paused container is success. */
  pauseContainer(id: ContainerId, signal: AbortSignal): Promise<void>;
  /** They go on. Idempotent: a container that is not paused is success. */
  resumeContainer(id: ContainerId, signal: AbortSignal): Promise<void>;
  /** Resolves with the exit code when the container is not running (at once when it already is not). */
  waitContainer(id: ContainerId, signal: AbortSignal): Promise<number>;
  /** Forced and with its volumes; idempotent; resolves when it is gone. */
  removeContainer(id: ContainerId, signal: AbortSignal): Promise<void>;
  containerLogs(
    id: ContainerId,
    options: { follow: boolean; tailLines?: number },
    signal: AbortSignal,
  ): AsyncIterable<LogChunk>;
  /** Runs a command in the container to its end. */
  exec(
    id: ContainerId,
    command: readonly string[],
    options: { user?: string; environ?: readonly string[] },
    signal: AbortSignal,
  ): Promise<ExecResult>;
  /** Processes of the container as the host sees them: pids. */
  listProcesses(id: ContainerId, signal: AbortSignal): Promise<readonly number[]>;
  /** null when there is none, or it is not running. The engine may take a second. */
  containerFigures(id: ContainerId, signal: AbortSignal): Promise<EngineFigures | null>;

  createNetwork(spec: NetworkSpec, signal: AbortSignal): Promise<string>;
  /** Returns null when there is none. */
  inspectNetwork(name: string, signal: AbortSignal): Promise<EngineNetwork | null>;
  listNetworks(labels: WantedLabels, signal: AbortSignal): Promise<readonly EngineNetwork[]>;
  /** Idempotent: an absent network is success. */
  removeNetwork(name: string, signal: AbortSignal): Promise<void>;

  /** The text that was left under this name among the engine's data; null when there is none. */
  readMark(name: string, signal: AbortSignal): Promise<string | null>;
  /** Leaves a text of up to 64 letters and digits among the engine's data, in place of what is there under the name. */
  leaveMark(name: string, text: string, signal: AbortSignal): Promise<void>;
  /** Idempotent: an absent mark is success. */
  removeMark(name: string, signal: AbortSignal): Promise<void>;

  /**
   * Hints, for ever, until the signal aborts: reconnects by itself with back-off, and says `connected` after every
   * (re)connect, before any hint of that connection, so that the reader can list and compare.
   */
  events(signal: AbortSignal): AsyncIterable<EngineEvent>;
}
