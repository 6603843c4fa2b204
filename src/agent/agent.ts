/**
 * The agent as its callers see it, the local API and the adapter of a cluster: everything that can be asked of this node.
 * The implementation is `default-agent.ts`.
 */
import type { Duplex } from 'node:stream';
import type { ImageRemoval, RegistryAuth } from '../engine/engine.ts';
import type { NumberedKernelEvent } from '../events/kernel-event.ts';
import type { ImageView } from '../images/image-service.ts';
import type { PullPolicy } from '../images/resolve.ts';
import type { KernelPhase } from '../kernel/record.ts';
import type { KernelFile, KernelNetwork, KernelService, OnIdle, PortPair } from '../kernel/spec.ts';
import type { RunId, SessionId } from '../lib/ids.ts';
import type { ExecuteRequest } from '../protocol/execute-request.ts';
import type { ContextState } from '../protocol/kernel-contexts.ts';
import type { FileEntry } from '../protocol/kernel-files.ts';
import type { KernelModel } from '../protocol/kernel-models.ts';
import type { ListeningPorts } from '../protocol/kernel-ports.ts';
import type { ServiceOptions, ServiceOutcome } from '../protocol/kernel-services.ts';
import type { NumberedRunEvent, RunSummary } from '../protocol/run-event.ts';
import type { TerminalSize } from '../protocol/terminal-size.ts';
import type { FileWork } from '../runner-client/file-work.ts';
import type { Download } from '../runner-client/runner-client.ts';
import type { FinalRecord } from '../stats/final-records.ts';
import type { KernelFigures } from '../stats/kernel-statistics-store.ts';
import type { NodeStatistics, ProcessFigures } from '../stats/statistics.ts';
import type { HungFileSystem } from '../storage/file-systems/file-system-helper.ts';
import type { RequestedMount } from '../storage/mounts/mount-policy.ts';
import type { AwaitedState } from './awaited-state.ts';
import type { Degradation } from './degradation.ts';
import type { KernelFilter } from './kernel-filter.ts';
import type { KeptView, KernelView } from './kernel-view.ts';
import type { NodeResources } from './node-resources.ts';
import type { OciRuntimeState } from './oci-runtimes.ts';

export type { KeptView, KernelView, NodeResources };

/** A model that a caller wants served. */
export interface RequestedModel extends Omit<KernelModel, 'command'> {
  /** null: the command of the image. */
  readonly command: readonly string[] | null;
}

/** A context that a caller wants. */
export interface ContextRequest {
  readonly name: string;
  /** Of its code; the kernel's when absent. */
  readonly language?: string | undefined;
  /** The folder in which it starts; the home when absent. */
  readonly cwd?: string | undefined;
}

/** A request for a kernel; what is absent gets its default from the configuration. */
export interface CreateRequest {
  readonly id?: string | undefined;
  /** Stands for the id, unique among the kernels that live. */
  readonly name?: string | undefined;
  readonly labels?: Readonly<Record<string, string>> | undefined;
  /** The kernel's own id when absent. */
  readonly sessionId?: SessionId | undefined;
  /** Made of the id when absent. */
  readonly hostname?: string | undefined;
  /** Image reference; else picked from `language`. */
  readonly image?: string | undefined;
  /** Runtime type; else the image's label, else by the image's contents. */
  readonly language?: string | undefined;
  readonly pull?: PullPolicy | undefined;
  /** For the registry of the image. */
  readonly registryAuth?: RegistryAuth | undefined;
  readonly cpus?: number | undefined;
  readonly memoryBytes?: number | undefined;
  /** Of `/dev/shm`, a part of the memory; the engine's own when absent. */
  readonly sharedMemoryBytes?: number | undefined;
  readonly processes?: number | undefined;
  /** What the home may take; as configured when absent. */
  readonly homeBytes?: number | undefined;
  /** Bits a second that the network carries in each direction; as configured when absent. */
  readonly bitsPerSecond?: number | undefined;
  /** Slots of accelerators with decimal amounts. */
  readonly accelerators?: Readonly<Record<string, string>> | undefined;
  readonly environ: Readonly<Record<string, string>>;
  /** Whether names of variables may be whatever a process can have; no when absent. */
  readonly takesAnyNames?: boolean | undefined;
  readonly mounts: readonly RequestedMount[];
  readonly files?: readonly KernelFile[] | undefined;
  readonly network?: KernelNetwork | undefined;
  readonly publish: readonly number[];
  /** Host ports by container port that are not to be chosen from the pool. */
  readonly fixedPorts?: readonly PortPair[] | undefined;
  /** Host ports that are the kernel's beside those. */
  readonly assignedPorts?: readonly number[] | undefined;
  readonly services?: readonly KernelService[] | undefined;
  /** Whether services are listed and never started. */
  readonly servicesBlocked?: boolean | undefined;
  readonly models?: readonly RequestedModel[] | undefined;
  readonly idleTimeoutMs?: number | undefined;
  /** What is done after that time; as configured when absent. */
  readonly onIdle?: OnIdle | undefined;
  /** It ends when this long has passed since it was asked for; never when absent. */
  readonly ttlMs?: number | undefined;
  /** Whether the user may become root of the container; no when absent. */
  readonly sudo?: boolean | undefined;
  /** Whether it can write to the root file system of its container, where the operator lets it; else as configured. */
  readonly writableRoot?: boolean | undefined;
  /** Paths of sockets of this host that it is to have at the same places, where the operator lets it. */
  readonly socketProxies?: readonly string[] | undefined;
  readonly interpreter: 'eager' | 'lazy';
  /** An OCI runtime that the operator allows; as configured when absent. */
  readonly ociRuntime?: string | undefined;
}

/** The TCP ports of a kernel. */
export interface KernelPorts extends ListeningPorts {
  readonly published: readonly PortPair[];
}

/** Figures of one kernel, read now. */
export type KernelStats = KernelFigures;

/** Figures of a kernel and of its processes. */
export interface KernelMetrics {
  /** At the last reading; null when there was none yet. */
  readonly kernel: KernelStats | null;
  /** Read now; by pid, as the host counts them. */
  readonly processes: Readonly<Record<string, ProcessFigures>>;
}

/** `recovering` until the kernels of an earlier process are known, `stopping` from its disposal on. */
export type AgentPhase = 'recovering' | 'ready' | 'stopping';

/** What the agent is doing, with which engine, and how much of the node is used. */
export interface AgentStatus {
  readonly version: string;
  readonly mode: 'standalone' | 'cluster';
  readonly phase: AgentPhase;
  readonly agentId: string;
  readonly stateDir: string;
  readonly pid: number;
  readonly startedAt: number;
  readonly engine: { readonly address: string; readonly healthy: boolean; readonly detail: string };
  /** Those that the operator has named. */
  readonly ociRuntimes: readonly OciRuntimeState[];
  /**
   * `stalled`: a write to the state folder has taken seconds; what waits is written when its disk answers again. `full`: of it
   * or the scratch folders less is free than is reserved for the node, and no kernel is made; or an event waits for room.
   */
  readonly disk: 'ok' | 'stalled' | 'full';
  /** File systems that do not answer, as far as paths on them were asked for: sources of mounts, volumes, models. */
  readonly hungFileSystems: readonly HungFileSystem[];
  /** What the node lacks for now, or works less well by. None of it ends work by itself. */
  readonly degraded: readonly Degradation[];
  readonly kernels: number;
  readonly slots: {
    readonly cpus: { readonly total: number; readonly used: number };
    readonly memoryBytes: { readonly total: number; readonly used: number };
    readonly ports: { readonly total: number; readonly used: number };
  };
  /** Counts that should stay 0: illegal edges, releases of absent leases, quarantined records. */
  readonly invariantViolations: Readonly<Record<string, number>>;
}

export type { ImageView, KernelPhase };

/** A piece of a container's log. */
export interface LogPiece {
  readonly stream: 'stdout' | 'stderr';
  readonly data: Uint8Array;
}

/** Progress of long work on images. */
export interface ImageProgress {
  readonly message: string;
  readonly fraction?: number | undefined;
}

/** How a kernel is ended. */
export interface EndOptions {
  readonly force: boolean;
  readonly forget?: boolean;
  readonly reason?: string;
}

/** Everything that can be asked of this node. Every method waits, bounded, while the agent recovers. */
export interface Agent extends AsyncDisposable {
  status(): Promise<AgentStatus>;
  /**
   * Takes the engine that answers for the one that has the kernels from now on, where another one had them. Kernels that it
   * does not have are missing. Throws ENGINE_UNAVAILABLE, STATE_UNUSABLE. It waits for no recovery.
   */
  acceptEngine(signal: AbortSignal): Promise<AgentStatus['engine']>;
  /** What the node has, and what kernels have of it. */
  resources(signal: AbortSignal): Promise<NodeResources>;
  /** Returns when the kernel is ready. An abort of the signal undoes the creation. Progress = image pull or build. */
  create(
    request: CreateRequest,
    signal: AbortSignal,
    onProgress?: (progress: ImageProgress) => void,
  ): Promise<KernelView>;
  /** `all`: also those that ended a short while ago, as a filter by the phase `terminated` has them too. */
  list(options: { all: boolean; filter?: KernelFilter }): Promise<readonly KernelView[]>;
  /** By its id, its name, or the unique beginning of its id, as all methods that take an `id`. Throws KERNEL_NOT_FOUND, AMBIGUOUS_ID. Ended kernels are kept for a while. */
  inspect(id: string): Promise<KernelView>;
  /**
   * The same, with what a limited home takes as of now, where the disk says so within a second; else as of the last sample.
   * It throws nothing of the signal, which ends the wait.
   */
  inspectNow(id: string, signal: AbortSignal): Promise<KernelView>;
  /**
   * Returns when nothing of the kernel is left. `force` skips the tenant's grace; `reason` is published with its end; `forget`:
   * it is not listed as one that ended.
   */
  destroy(id: string, options: EndOptions): Promise<KernelView>;
  /**
   * A new container with the same files, ports and resources, and these variables of any name beside the tenant's own.
   * Throws INVALID_REQUEST.
   */
  restart(id: string, signal: AbortSignal, environ?: Readonly<Record<string, string>>): Promise<KernelView>;

  /** Its processes stand still until something is asked of them. Throws KERNEL_NOT_RUNNING, and what the engine throws. */
  pause(id: string): Promise<KernelView>;
  /** They go on, whoever paused it; requests that need its runner do the same for one that kernelet has paused. */
  resume(id: string, signal: AbortSignal): Promise<KernelView>;

  /**
   * Returns when the kernel has ended, is paused, or runs and is not paused; or after so many milliseconds, when it is not so.
   * Throws KERNEL_NOT_RUNNING where that cannot be any more.
   */
  wait(id: string, state: AwaitedState, timeoutMs: number, signal: AbortSignal): Promise<KernelView>;

  /** Files of kernels whose end nobody asked for, the latest first. */
  keptFiles(): Promise<readonly KeptView[]>;
  /**
   * Creates such a kernel again, with its id, its specification and its files. Throws KERNEL_NOT_FOUND, AMBIGUOUS_ID,
   * NOT_SUPPORTED, and as `create` does; the files are kept on then.
   */
  restore(id: string, signal: AbortSignal): Promise<KernelView>;
  /** Moves the files of such a kernel to a folder of this host that is not there yet. Throws FILE_ERROR too. */
  moveKept(id: string, to: string, signal: AbortSignal): Promise<KeptView>;

  /** Starts a run, idempotently by its id, and returns at once. */
  execute(id: string, run: RunId, request: ExecuteRequest, signal: AbortSignal): Promise<{ existing: boolean }>;
  /** The runs that are known of a kernel, oldest first. */
  listRuns(id: string): Promise<readonly RunSummary[]>;
  /** The run that an id, a beginning of one or a name stands for; a text that stands for none is given back. Throws AMBIGUOUS_ID. */
  runNamed(id: string, text: RunId, signal: AbortSignal): Promise<RunId>;
  events(id: string, run: RunId, after: number, signal: AbortSignal): AsyncIterable<NumberedRunEvent>;
  /** Answers a program that waits for input; null = the input has ended. */
  input(id: string, run: RunId, text: string | null, signal: AbortSignal): Promise<void>;
  stdin(id: string, run: RunId, data: Uint8Array, eof: boolean, signal: AbortSignal): Promise<{ open: boolean }>;
  /** Without a run: the one that runs in this context, `main` when absent. */
  interrupt(id: string, run: RunId | null, signal: AbortSignal, context?: string): Promise<{ interrupted: boolean }>;
  cancel(id: string, run: RunId, killSignal: string, signal: AbortSignal): Promise<void>;
  /** A signal to the processes of a run, and nothing more; says whether there were any. */
  signal(id: string, run: RunId, name: string, signal: AbortSignal): Promise<{ delivered: boolean }>;
  /** The size of a run's terminal; says whether it has one. Throws NOT_SUPPORTED for an older runner. */
  resize(id: string, run: RunId, size: TerminalSize, signal: AbortSignal): Promise<{ resized: boolean }>;
  /** By the interpreter of this context, `main` when absent. */
  complete(id: string, code: string, cursor: number, signal: AbortSignal, context?: string): Promise<readonly string[]>;

  /** The contexts of a kernel, `main` first. Throws NOT_SUPPORTED for a kernel whose runner is older than they are. */
  listContexts(id: string, signal: AbortSignal): Promise<readonly ContextState[]>;
  /**
   * Makes a context, idempotently by its name, and starts its interpreter. Throws CONTEXT_EXISTS, OVERLOADED, and NOT_SUPPORTED
   * where the image has not what the language needs.
   */
  createContext(id: string, context: ContextRequest, signal: AbortSignal): Promise<{ existing: boolean }>;
  /** Cancels what runs and waits in a context and gives it a new interpreter. Throws CONTEXT_NOT_FOUND. */
  restartContext(id: string, name: string, signal: AbortSignal): Promise<void>;
  /** Cancels what runs and waits in a context and removes it. Throws CONTEXT_NOT_FOUND; INVALID_ARGUMENT for `main`. */
  removeContext(id: string, name: string, signal: AbortSignal): Promise<void>;

  /** Starts a service of the kernel. Why it does not start is in the outcome. */
  startService(id: string, name: string, options: ServiceOptions, signal: AbortSignal): Promise<ServiceOutcome>;
  /** Ends a service; returns when it has ended, or was not there. */
  stopService(id: string, name: string, signal: AbortSignal): Promise<void>;

  /** What is published of its ports, and on which something listens. Throws NOT_SUPPORTED for an older runner. */
  ports(id: string, signal: AbortSignal): Promise<KernelPorts>;
  /**
   * Connects to a TCP port in the kernel, which need not be published. Throws PORT_CLOSED, PORT_FAILED, OVERLOADED, NOT_SUPPORTED for an
   * older runner. The signal counts until it is connected; whoever has the stream destroys it.
   */
  connectPort(id: string, port: number, signal: AbortSignal): Promise<Duplex>;

  upload(
    id: string,
    path: string,
    content: ReadableStream<Uint8Array>,
    options: { mode: number | null; signal: AbortSignal },
  ): Promise<{ bytes: number }>;
  download(id: string, path: string, signal: AbortSignal): Promise<Download>;
  listFiles(id: string, path: string, signal: AbortSignal): Promise<{ path: string; files: readonly FileEntry[] }>;
  /** All else that is done with files of a kernel. Throws KERNEL_NOT_FOUND, AMBIGUOUS_ID. */
  fileWork(id: string): Promise<FileWork>;
  logs(id: string, options: { follow: boolean }, signal: AbortSignal): AsyncIterable<LogPiece>;
  stats(signal: AbortSignal): Promise<readonly KernelStats[]>;
  /** Figures of a kernel and of its processes. Throws KERNEL_NOT_FOUND, AMBIGUOUS_ID. */
  kernelMetrics(id: string, signal: AbortSignal): Promise<KernelMetrics>;
  nodeMetrics(): Promise<NodeStatistics>;
  /** What ended kernels have used, as far as it is kept, oldest first. */
  finalRecords(): Promise<readonly FinalRecord[]>;
  /** Everything in the text format of Prometheus, in pieces. */
  exposition(signal: AbortSignal): AsyncIterable<string>;
  /** Events above `after` (those still kept), then live ones while `follow`. */
  kernelEvents(options: { after: number; follow: boolean }, signal: AbortSignal): AsyncIterable<NumberedKernelEvent>;

  images(signal: AbortSignal): Promise<readonly ImageView[]>;
  inspectImage(reference: string, signal: AbortSignal): Promise<ImageView>;
  buildImage(name: string, signal: AbortSignal, onProgress: (progress: ImageProgress) => void): Promise<ImageView>;
  pullImage(
    reference: string,
    signal: AbortSignal,
    onProgress: (progress: ImageProgress) => void,
    auth?: RegistryAuth,
  ): Promise<ImageView>;
  /** Makes sure of an image: pulls it, or makes one of ours unless it is here. Throws as `create` does for images. */
  provideImage(
    wish: { readonly reference: string; readonly auth?: RegistryAuth | undefined },
    signal: AbortSignal,
  ): Promise<void>;
  removeImage(reference: string, options: ImageRemoval, signal: AbortSignal): Promise<void>;
}
