/** What a node agent is built from. The composition root (`main/`) supplies the real ones, tests others. */
import type { NodeDevices } from '../devices/node-devices.ts';
import type { Engine, Progress } from '../engine/engine.ts';
import type { EventSink, NumberedKernelEvent } from '../events/kernel-event.ts';
import type { ImageService } from '../images/image-service.ts';
import type { KernelRegistry } from '../kernel/kernel-registry.ts';
import type { KernelRecord } from '../kernel/record.ts';
import type { KernelMount } from '../kernel/spec.ts';
import type { Clock } from '../lib/clock.ts';
import type { Logger } from '../lib/log.ts';
import type { OperationTimes } from '../lib/operation-times.ts';
import type { Statistics } from '../stats/statistics.ts';
import type { ForeignFiles } from '../storage/file-systems/file-systems.ts';
import type { AgentStatus } from './agent.ts';
import type { CreateDefaults, NodeCapacity } from './create-request.ts';
import type { Look } from './degradation.ts';
import type { OciRuntimes } from './oci-runtimes.ts';
import type { FittedLimits } from './operator-limits.ts';

/** Receives the progress of long work. */
export type OnProgress = (progress: Progress) => void;

/** Events: where they go, and how they are read. */
export interface EventStore extends EventSink<KernelRecord> {
  /** How many wait to be sent; absent where they are sent nowhere. */
  readonly waiting?: number;
  read(
    options: { readonly after: number; readonly follow: boolean },
    signal: AbortSignal,
  ): AsyncIterable<NumberedKernelEvent>;
}

/** The facts of the agent's status that don't change, and the counts that do. */
export interface StatusFacts {
  readonly version: string;
  readonly mode: 'standalone' | 'cluster';
  readonly agentId: string;
  readonly stateDir: string;
  disk(): Promise<AgentStatus['disk']>;
  hungFileSystems(): AgentStatus['hungFileSystems'];
  /** What is wrong with what the agent knows nothing of by itself. */
  readonly looks: Readonly<Record<'descriptors' | 'memory' | 'clock', Look>>;
  slots(): AgentStatus['slots'];
  invariantViolations(): AgentStatus['invariantViolations'];
}

/** All parts; the agent disposes of them by `release`. */
export interface AgentParts {
  readonly kernels: KernelRegistry;
  readonly engine: Engine;
  readonly images: ImageService;
  readonly events: EventStore;
  readonly statistics: Statistics;
  readonly operations: OperationTimes;
  /** Bytes that it may take; null = no limit. */
  readonly scratchLimitBytes: number | null;
  /** Checks the host paths of a request and resolves their links. Throws FORBIDDEN_MOUNT, FILE_SYSTEM_HUNG. */
  readonly checkMounts: (mounts: readonly KernelMount[]) => Promise<readonly KernelMount[]>;
  /** Looks at paths that may hang. */
  readonly files: Pick<ForeignFiles, 'find'>;
  /** The limits that the operator wants for every kernel, as far as the engine can give them. */
  readonly fitLimits: (signal: AbortSignal) => Promise<FittedLimits>;
  /**
   * Throws OVERLOADED when too few descriptors are left for a kernel, STATE_UNUSABLE while the disk of the state is stalled,
   * INSUFFICIENT_RESOURCES when it is nearly full.
   */
  readonly assertRoom: () => Promise<void>;
  readonly defaults: CreateDefaults;
  readonly capacity: NodeCapacity;
  readonly devices: NodeDevices;
  readonly ociRuntimes: OciRuntimes;
  /** Lets go of the kernels, the engine and the state folder, in this order; called once, at the agent's end. */
  readonly release: () => Promise<void>;
  readonly facts: StatusFacts;
  readonly clock: Clock;
  readonly log: Logger;
}
