/**
 * What the journal holds of a kernel: its specification, where it stands, and the choices that no name gives.
 */
import { type DeviceProvision, noProvision } from '../devices/device-provision.ts';
import type { ContainerId } from '../lib/ids.ts';
import type { LeasedNetwork } from '../network/prewarmed-network.ts';
import type { ServiceApp } from '../protocol/kernel-services.ts';
import type { DeviceShare } from '../resources/device-share.ts';
import type { KernelSpec, PortPair } from './spec.ts';

/** Phases of a kernel; the edges between them are in `transitions.ts`. */
export const kernelPhases = ['creating', 'running', 'restarting', 'terminating', 'terminated'] as const;
/** A phase of a kernel. */
export type KernelPhase = (typeof kernelPhases)[number];

/** Why a kernel ended, in this program's own words (spec kernel-lifecycle 11.1). */
export const terminationReasons = [
  'user-requested',
  'self-terminated',
  'failed-to-create',
  'failed-to-start',
  'out-of-memory',
  'exec-timeout',
  'idle-timeout',
  'force-terminated',
  'restarting',
  'restart-timeout',
  'container-not-found',
  'agent-termination',
  'abandoned',
] as const;
/** A reason of termination; managers give reasons in their own words. */
export type TerminationReason = (typeof terminationReasons)[number] | (string & {});

/** How a kernel ended. */
export interface Termination {
  readonly reason: TerminationReason;
  /** The container's exit code where there was one. */
  readonly exitCode: number | null;
  /** One sentence for people: what happened, with the last lines of the log where they help. */
  readonly detail: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

/** Choices of a kernel that only its record knows; they are labels of the container too. */
export interface KernelPlacement {
  /** Core ids in list form; null = any. */
  readonly cpuset: string | null;
  readonly devices: readonly DeviceShare[];
  /** What the container gets along with them; no label of it. */
  readonly provision: DeviceProvision;
  /** Host port by container port. */
  readonly hostPorts: readonly PortPair[];
  /** The prewarmed network that its container has joined; null = a network of its own, or none. */
  readonly prewarmedNetwork: LeasedNetwork | null;
}

/** That of a kernel which has been given nothing. */
export const noPlacement: KernelPlacement = {
  cpuset: null,
  devices: [],
  provision: noProvision,
  hostPorts: [],
  prewarmedNetwork: null,
};

/** How long a step took. */
export interface StepTiming {
  readonly step: string;
  readonly ms: number;
}

/** One kernel in the journal. */
export interface KernelRecord {
  readonly version: 1;
  readonly spec: KernelSpec;
  readonly phase: KernelPhase;
  /** Counts the containers of this kernel from 1. */
  readonly generation: number;
  readonly placement: KernelPlacement;
  readonly containerId: ContainerId | null;
  /** What the image says of the services, as the runner of this container has read it. */
  readonly apps: readonly ServiceApp[];
  /** Which of the kept homes it begins with; null = an empty one. */
  readonly restoredFrom: string | null;
  readonly createdAt: number;
  readonly readyAt: number | null;
  /** Since when the engine has not listed its container, in milliseconds since the epoch; null = it does. */
  readonly missingSince: number | null;
  readonly termination: Termination | null;
  readonly timings: readonly StepTiming[];
}
