/**
 * The events that an agent sends and reads, by their names on the stream (spec cluster-state 4.5, 4.6). The order of
 * the arguments is the table's; their names are ours.
 */
import type { MsgpackValue } from '../msgpack/value.ts';
import type { CreationInfo, HeartbeatInfo } from './info-maps.ts';

interface KernelFields {
  readonly kernel: string;
  readonly session: string;
  readonly reason: string;
}
interface CreationFields extends KernelFields {
  readonly info: CreationInfo | Readonly<Record<string, never>>;
}
interface KernelEndFields extends KernelFields {
  readonly exitCode: number;
}
interface SessionEndFields {
  readonly session: string;
  readonly reason: string;
  readonly exitCode: number;
}
interface ExecutionFields {
  readonly session: string;
}
interface TaskEndFields {
  readonly task: string;
  readonly message: string | null;
}
/** Managers from 24.12 on read these. */
interface PullFields {
  readonly image: string;
  readonly agent: string;
  /** Seconds since the epoch. */
  readonly at: number;
}
interface VolumeFields {
  readonly node: string;
  readonly nodeType: 'agent';
  readonly mountPath: string;
  readonly quotaScope: string;
  readonly error: string | null;
}

/** The arguments of each event by name. */
export interface AgentEventFields {
  agent_started: { readonly reason: string };
  agent_terminated: { readonly reason: string };
  agent_heartbeat: { readonly info: HeartbeatInfo };
  agent_error: {
    readonly message: string;
    readonly traceback: string | null;
    readonly user: string | null;
    readonly context: Readonly<Record<string, MsgpackValue>>;
    readonly severity: 'CRITICAL' | 'ERROR' | 'WARNING';
  };
  do_agent_resource_check: { readonly agent: string };
  kernel_preparing: CreationFields;
  kernel_pulling: CreationFields;
  kernel_creating: CreationFields;
  kernel_started: CreationFields;
  kernel_terminated: KernelEndFields;
  session_success: SessionEndFields;
  session_failure: SessionEndFields;
  execution_started: ExecutionFields;
  execution_finished: ExecutionFields;
  execution_timeout: ExecutionFields;
  execution_cancelled: ExecutionFields;
  do_sync_kernel_logs: { readonly kernel: string; readonly container: string };
  model_service_status_updated: {
    readonly kernel: string;
    readonly session: string;
    readonly model: string;
    readonly status: 'healthy' | 'unhealthy';
  };
  bgtask_updated: {
    readonly task: string;
    readonly current: number;
    readonly total: number;
    readonly message: string | null;
  };
  bgtask_done: TaskEndFields;
  bgtask_cancelled: TaskEndFields;
  bgtask_failed: TaskEndFields;
  image_pull_started: PullFields;
  image_pull_finished: PullFields & { readonly message: string | null };
  image_pull_failed: Omit<PullFields, 'at'> & { readonly message: string };
  volume_mounted: VolumeFields;
  volume_unmounted: VolumeFields;
  do_volume_mount: {
    readonly folder: string;
    readonly backend: string;
    readonly quotaScope: string;
    readonly location: string;
    readonly fileSystem: string;
    readonly options: string | null;
    readonly scalingGroup: string | null;
    readonly editFstab: boolean;
    readonly fstabPath: string;
  };
  do_volume_unmount: {
    readonly folder: string;
    readonly backend: string;
    readonly quotaScope: string;
    readonly scalingGroup: string | null;
    readonly editFstab: boolean;
    readonly fstabPath: string | null;
  };
}

/** The name of an event. */
export type AgentEventName = keyof AgentEventFields;

const creation = ['kernel', 'session', 'reason', 'info'] as const;
const sessionEnd = ['session', 'reason', 'exitCode'] as const;
const taskEnd = ['task', 'message'] as const;
const volume = ['node', 'nodeType', 'mountPath', 'quotaScope', 'error'] as const;

/** The arguments of each event by their names, in the order of the wire. */
export const argumentOrder: { readonly [Name in AgentEventName]: readonly (keyof AgentEventFields[Name] & string)[] } =
  {
    agent_started: ['reason'],
    agent_terminated: ['reason'],
    agent_heartbeat: ['info'],
    agent_error: ['message', 'traceback', 'user', 'context', 'severity'],
    do_agent_resource_check: ['agent'],
    kernel_preparing: creation,
    kernel_pulling: creation,
    kernel_creating: creation,
    kernel_started: creation,
    kernel_terminated: ['kernel', 'session', 'reason', 'exitCode'],
    session_success: sessionEnd,
    session_failure: sessionEnd,
    execution_started: ['session'],
    execution_finished: ['session'],
    execution_timeout: ['session'],
    execution_cancelled: ['session'],
    do_sync_kernel_logs: ['kernel', 'container'],
    model_service_status_updated: ['kernel', 'session', 'model', 'status'],
    bgtask_updated: ['task', 'current', 'total', 'message'],
    bgtask_done: taskEnd,
    bgtask_cancelled: taskEnd,
    bgtask_failed: taskEnd,
    image_pull_started: ['image', 'agent', 'at'],
    image_pull_finished: ['image', 'agent', 'at', 'message'],
    image_pull_failed: ['image', 'agent', 'message'],
    volume_mounted: volume,
    volume_unmounted: volume,
    do_volume_mount: [
      'folder',
      'backend',
      'quotaScope',
      'location',
      'fileSystem',
      'options',
      'scalingGroup',
      'editFstab',
      'fstabPath',
    ],
    do_volume_unmount: ['folder', 'backend', 'quotaScope', 'scalingGroup', 'editFstab', 'fstabPath'],
  };

/** Events that carry the manager's name, whoever sends them: they concern a task, or a model service, of the cluster. */
const inManagersName: ReadonlySet<AgentEventName> = new Set([
  'model_service_status_updated',
  'bgtask_updated',
  'bgtask_done',
  'bgtask_cancelled',
  'bgtask_failed',
]);

/** The source that an event names, when this agent sends it. */
export function eventSource(name: AgentEventName, agentId: string): string {
  return inManagersName.has(name) ? 'manager' : agentId;
}

/** The arguments of an event, in the order of the wire. */
export function eventArguments<Name extends AgentEventName>(
  name: Name,
  fields: AgentEventFields[Name],
): readonly MsgpackValue[] {
  return argumentOrder[name].map((field) => fields[field] as MsgpackValue);
}

/** An event that has not the form of its name. */
export class StreamEntryError extends Error {
  override readonly name = 'StreamEntryError';
}

/** The arguments by name; their values are not looked at. Throws StreamEntryError when there are too few. */
export function eventFields<Name extends AgentEventName>(
  name: Name,
  args: readonly MsgpackValue[],
): Readonly<Record<keyof AgentEventFields[Name], MsgpackValue>> {
  const names = argumentOrder[name];
  if (args.length < names.length) {
    throw new StreamEntryError(`the event ${name} has ${args.length} arguments, ${names.length} are needed`);
  }
  return Object.fromEntries(names.map((field, index) => [field, args[index]])) as Record<
    keyof AgentEventFields[Name],
    MsgpackValue
  >;
}
