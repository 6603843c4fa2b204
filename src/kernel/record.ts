/**
 * What the journal holds of a kernel: its specification, where it stands, and the choices that no name gives. A record is
 * stored as JSON with a schema version and read strictly: what is not exactly a record is an error, so that a damaged file
 * is quarantined rather than half believed.
 */
import { deviceProvision, noProvision } from '../devices/device-provision.ts';
import {
  fields,
  JsonFormError,
  list,
  newer,
  nullable,
  number,
  oneOf,
  type Reader,
  signed,
  type TypeOf,
  text,
  triple,
  truth,
  whole,
} from '../lib/json-reader.ts';
import { containerIdText, leasedNetwork } from '../network/prewarmed-network.ts';
import type { ServiceApp } from '../protocol/kernel-services.ts';
import type { DeviceShare } from '../resources/device-share.ts';
import { kernelSpec, portPair } from './spec.ts';

/** Phases of a kernel; the edges between them are in `transitions.ts`. */
export const kernelPhases = ['creating', 'running', 'restarting', 'terminating', 'terminated'] as const;
/** A phase of a kernel. */
export type KernelPhase = (typeof kernelPhases)[number];

/** What ended a container: its own program, the memory limit, or what it ran on. */
export const containerEndReasons = ['self-terminated', 'out-of-memory', 'engine-restart', 'node-reboot'] as const;
/** What ended the container of a kernel. */
export type ContainerEndReason = (typeof containerEndReasons)[number];
/** Ends that no kernel has brought on itself: what its container ran on has ended. */
export const fallReasons: ReadonlySet<string> = new Set<ContainerEndReason>(['engine-restart', 'node-reboot']);

/** Why a kernel ended, in this program's own words (spec kernel-lifecycle 11.1). */
export const terminationReasons = [
  'user-requested',
  ...containerEndReasons,
  'failed-to-create',
  'failed-to-start',
  'exec-timeout',
  'idle-timeout',
  'expired',
  'force-terminated',
  'restarting',
  'restart-timeout',
  'container-not-found',
  'agent-termination',
  'abandoned',
] as const;
/** A reason of termination; whoever asks for an end from outside gives it in words of their own. */
export type TerminationReason = (typeof terminationReasons)[number] | (string & {});

const terminationReason: Reader<TerminationReason> = text;
const termination = fields({
  reason: terminationReason,
  /** The container's exit code where there was one. */
  exitCode: nullable(signed),
  /** One sentence for people: what happened, with the last lines of the log where they help. */
  detail: text,
  /** Milliseconds since the epoch. */
  at: number,
});
/** How a kernel ended, or is about to. */
export type Termination = TypeOf<typeof termination>;

const restarts = fields({
  /** How often its container was replaced. */
  count: whole,
  /** Why it was the last time: on request, or by what its container had ended. */
  reason: terminationReason,
  /** The same in one sentence, for people. */
  detail: text,
  /** When that began, in milliseconds since the epoch. */
  at: number,
  /** How often in a row it was tried to start it again after its engine had ended; 0 = it was restarted on request. */
  tries: whole,
});
/** How often a kernel was restarted, and how that stands. */
export type Restarts = TypeOf<typeof restarts>;

const pause = fields({
  /** Milliseconds since the epoch. */
  since: number,
  /** A caller, its idle time-out, or somebody who has asked the engine. */
  by: oneOf(['request', 'idle', 'others']),
  /** Whether the engine has said that it stands still: no while it is asked, and when its answer was lost. */
  confirmed: truth,
});
/** That a kernel’s processes stand still. */
export type KernelPause = TypeOf<typeof pause>;

/** The pause of a kernel, once it is known to be; null: it is not paused. */
export const pauseOf = ({ phase, paused }: Pick<KernelRecord, 'phase' | 'paused'>): KernelPause | null =>
  phase === 'running' && paused?.confirmed ? paused : null;

/** Whether it stands still because kernelet has paused it, so that a request resumes it. */
export const isPausedByUs = (record: Pick<KernelRecord, 'phase' | 'paused'>): boolean =>
  record.phase === 'running' && record.paused !== null && record.paused.by !== 'others';

/** Whether it is known to stand still by that, so that nothing is expected of its runner. */
export const isSuspended = (record: Pick<KernelRecord, 'phase' | 'paused'>): boolean =>
  pauseOf(record) !== null && isPausedByUs(record);

const deviceShare: Reader<DeviceShare> = triple;

const storedPlacement = fields({
  /** Core ids in list form; null = any. */
  cpuset: nullable(text),
  devices: newer(list(deviceShare), []),
  /** What the container gets along with them; no label of it. */
  provision: newer(deviceProvision, noProvision),
  /** Host port by container port. */
  hostPorts: list(portPair),
  /** The prewarmed network that its container has joined; null = a network of its own, or none. */
  sandbox: newer(nullable(leasedNetwork), null),
});
type StoredPlacement = TypeOf<typeof storedPlacement>;

/**
 * Choices of a kernel that only its record knows; they are labels of the container too. A prewarmed network is stored as
 * `sandbox`, the name that records have had for it all along.
 */
export type KernelPlacement = Omit<StoredPlacement, 'sandbox'> & {
  readonly prewarmedNetwork: StoredPlacement['sandbox'];
};

const placement: Reader<KernelPlacement> = (value, place) => {
  const { sandbox, ...rest } = storedPlacement(value, place);
  return { ...rest, prewarmedNetwork: sandbox };
};

/** That of a kernel which has been given nothing. */
export const noPlacement: KernelPlacement = {
  cpuset: null,
  devices: [],
  provision: noProvision,
  hostPorts: [],
  prewarmedNetwork: null,
};

const version: Reader<1> = (value, place) => {
  if (value !== 1) throw new JsonFormError(place, '1, the only version this program knows');
  return 1;
};

/** The stored form of what the protocol of the runner defines. */
const serviceApp: Reader<ServiceApp> = fields({
  name: text,
  urlTemplate: text,
  allowedArguments: list(text),
  allowedEnvs: list(text),
});

const kernelRecord = fields({
  version,
  spec: kernelSpec,
  phase: oneOf(kernelPhases),
  /** Counts the containers of this kernel from 1. */
  generation: whole,
  placement,
  containerId: nullable(containerIdText),
  /** What the image says of the services, as the runner of this container has read it. */
  apps: newer(list(serviceApp), []),
  /** Which of the kept homes it begins with; null = an empty one. */
  restoredFrom: newer(nullable(text), null),
  createdAt: number,
  readyAt: nullable(number),
  /** Since when the engine has not listed its container, in milliseconds since the epoch; null = it does. */
  missingSince: newer(nullable(number), null),
  /**
   * Since when it is *unrecorded*, in milliseconds since the epoch: the record before and its copy could not be read, and this
   * one says what its container and its home tell (`reconciliation/unrecorded.ts`); null = it says everything.
   */
  unrecordedSince: newer(nullable(number), null),
  /** Kept until its container is gone; null = it is not paused. */
  paused: newer(nullable(pause), null),
  termination: nullable(termination),
  /** Of its container's replacements; null = there was none. */
  restarts: newer(nullable(restarts), null),
  /** How long each step of the creation took. */
  timings: list(fields({ step: text, ms: number })),
});
/** One kernel in the journal. */
export type KernelRecord = TypeOf<typeof kernelRecord>;

/** Reads a record's text. Throws JsonFormError, SyntaxError, or the form error of an id. */
export const decodeRecord = (json: string): KernelRecord => kernelRecord(JSON.parse(json), 'record');

/** The text of a record. */
export function encodeRecord(of: KernelRecord): string {
  const { prewarmedNetwork, ...rest } = of.placement;
  return `${JSON.stringify({ ...of, placement: { ...rest, sandbox: prewarmedNetwork } })}\n`;
}
