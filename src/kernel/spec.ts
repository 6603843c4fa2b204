/**
 * What a kernel is to be: the compiled form of a create request. Every choice is made (image resolved, defaults filled,
 * limits checked); nothing below reads a default. It is stored in the journal as it is.
 */
import type { KernelId, SessionId } from '../lib/ids.ts';
import type { KernelModel } from '../protocol/kernel-models.ts';

/** Limits of a kernel. */
export interface KernelLimits {
  readonly cpus: number;
  readonly memoryBytes: number;
  readonly processes: number;
  readonly sharedMemoryBytes: number | null;
  readonly diskBytes: number | null;
  /** Files that a process may have open; null = as many as the engine gives. */
  readonly openFiles: number | null;
}

/** A host path bound into a kernel. */
export interface KernelMount {
  readonly source: string;
  readonly target: string;
  readonly readOnly: boolean;
}

/** A file that a kernel begins with. What it says may be secret. */
export interface KernelFile {
  readonly folder: 'home' | 'config';
  /** Below the folder, in plain words. */
  readonly path: string;
  /** Permission bits. */
  readonly mode: number;
  /** The kernel's user, or root. */
  readonly owner: 'tenant' | 'root';
  readonly text: string;
}

/** A port of a container and one of the host. */
export interface PortPair {
  readonly containerPort: number;
  readonly hostPort: number;
}

/** The image of a kernel. */
export interface KernelImage {
  /** As asked for. */
  readonly reference: string;
  /** As the engine had it when the kernel was asked for. */
  readonly id: string;
  /** Paths at which it declares volumes. */
  readonly volumes: readonly string[];
  /** Such as `ubuntu22.04`; null where its labels don't say. */
  readonly distro: string | null;
  /** Variables that it wants the number of CPU cores in. */
  readonly coreCountVariables: readonly string[];
}

/**
 * A network of the engine that is not the agent's own: that of a session, or one that an operator has made. It is there
 * before the kernel and stays after it.
 */
export interface NamedNetwork {
  readonly name: string;
  /** Names under which others on the network find the kernel. */
  readonly aliases: readonly string[];
  /** Addresses by name, for a network that knows no names. */
  readonly hosts: readonly (readonly [string, string])[];
}

/** Where a kernel is connected: nowhere, to the agent's own bridge, or to a network that has a name. */
export type KernelNetwork = 'none' | 'bridge' | NamedNetwork;

/** Whether a kernel has no network of its own: what it listens on are ports of the host. */
export function isOnHost(network: KernelNetwork): boolean {
  return typeof network === 'object' && network.name === 'host';
}

/** A service of a kernel that managers connect people to. */
export interface KernelService {
  readonly name: string;
  readonly protocol: string;
  /** Each is among the published ports. */
  readonly containerPorts: readonly number[];
  /** Whether it answers a model's requests. */
  readonly isInference: boolean;
}

/** Variables in order, each name once. */
export type Environ = readonly (readonly [string, string])[];

/** A kernel's specification. */
export interface KernelSpec {
  readonly id: KernelId;
  readonly sessionId: SessionId;
  readonly image: KernelImage;
  readonly runtime: { readonly type: string; readonly path: string | null };
  readonly interpreter: 'eager' | 'lazy';
  readonly limits: KernelLimits;
  /** Slots of accelerators with decimal amounts, in the order of the request. */
  readonly accelerators: readonly (readonly [string, string])[];
  /** The session's variables. */
  readonly environ: Environ;
  readonly mounts: readonly KernelMount[];
  readonly files: readonly KernelFile[];
  readonly network: KernelNetwork;
  /** Container ports to publish, each on a host port of the pool. */
  readonly publish: readonly number[];
  /** Host ports by container port that are not the pool's to choose. */
  readonly fixedPorts: readonly PortPair[];
  /** Host ports that the kernel has beside those, for programs of its own. */
  readonly assignedPorts: readonly number[];
  /** Empty on a node that is alone. */
  readonly services: readonly KernelService[];
  /** Whether services are listed and never started. */
  readonly servicesBlocked: boolean;
  /** Served from the start, each on a port of a service. */
  readonly models: readonly KernelModel[];
  readonly user: { readonly uid: number; readonly gid: number };
  /** Whether the user may become root of the container. */
  readonly sudo: boolean;
  /** The kernel is removed after this long without a run; null = never. */
  readonly idleTimeoutMs: number | null;
  readonly hostname: string;
}
