/**
 * What an RPC method is: its signature, how the arguments of a call are bound to its parameters as Python does (spec
 * rpc 6) and their types checked, and what it does. One file each in `methods/`. What doesn't fit is a TypeError in
 * Python's words, a malformed id a ValueError.
 */
import { z } from 'zod';
import type { Agent } from '../../agent/agent.ts';
import type { NodeHealth } from '../../agent/node.ts';
import { withDeadline } from '../../lib/deadline.ts';
import type { KernelId, SessionId } from '../../lib/ids.ts';
import type { Logger } from '../../lib/log.ts';
import { pythonRepr } from '../../lib/python-repr.ts';
import type { SessionNetworks } from '../../network/session-networks.ts';
import type { ForeignFiles } from '../../storage/file-systems/file-systems.ts';
import type { BatchRuns } from '../operations/batch-runs.ts';
import type { Commits } from '../operations/commits.ts';
import type { CreationNotifier, Creations } from '../operations/creations.ts';
import type { Executions } from '../operations/executions.ts';
import type { ImageTasks } from '../operations/image-tasks.ts';
import type { PortReservations } from '../operations/port-reservations.ts';
import type { CallArguments } from '../wire/callosum.ts';
import type { CreationInfo } from '../wire/events/info-maps.ts';
import type { MsgpackValue } from '../wire/msgpack/value.ts';
import { type FailureNames, RpcFailure } from './rpc-failure.ts';

/** The names, order and types of a method's arguments, and the type of its result. */
export interface RpcSignature<Shape extends z.ZodRawShape = z.ZodRawShape, Result extends z.ZodType = z.ZodType> {
  /** As on the wire: `create_kernels`. */
  readonly name: string;
  /** Its keys are the parameters, in the order in which they are given by position. */
  readonly args: z.ZodObject<Shape>;
  /** The last so many parameters can be given by name only. */
  readonly keywordOnly: number;
  readonly result: Result;
}

/** Declares what a method takes and gives; unknown arguments are refused. */
export function define<Shape extends z.ZodRawShape, Result extends z.ZodType>(
  name: string,
  shape: Shape,
  result: Result,
  keywordOnly = 0,
): RpcSignature<Shape, Result> {
  return { name, args: z.strictObject(shape) as unknown as z.ZodObject<Shape>, keywordOnly, result };
}

/** What of the node's own configuration managers may read. */
export interface LocalConfig {
  readonly abuseReportPath: string | null;
  /** null: no `[watcher]` table is given. */
  readonly watcher: { readonly host: string; readonly port: number; readonly tls: boolean } | null;
}

/** What managers hear beside the events of kernels. */
export interface ManagerNotifier extends CreationNotifier {
  /** A kernel that is not here has ended, or never was. */
  notifyEnded(kernel: KernelId, session: SessionId, reason: string): void;
  /** The end of this kernel, which is about to come, is not published. */
  suppressTermination(kernel: KernelId): Promise<void>;
  /** A call failed that should not: for the cluster's log of errors. */
  reportError(error: { readonly message: string; readonly trace: string }): void;
}

/** The agent and what of a member stands beside it, for all methods. */
export interface RpcServices {
  /** This agent's id: a call for another one fails. */
  readonly agentId: string;
  readonly localConfig: LocalConfig;
  readonly agent: Agent;
  /** Files of volumes, which may hang. */
  readonly files: Pick<ForeignFiles, 'read'>;
  readonly executions: Executions;
  readonly networks: Pick<SessionNetworks, 'create' | 'destroy' | 'environ'>;
  readonly ports: PortReservations;
  readonly notifier: ManagerNotifier;
  readonly creations: Creations;
  readonly commits: Pick<Commits, 'begin' | 'isOngoing'>;
  readonly images: Pick<ImageTasks, 'push' | 'pull' | 'isPulling' | 'purge'>;
  readonly batches: Pick<BatchRuns, 'begin'>;
  readonly health: () => Promise<NodeHealth>;
  /** Of a kernel that runs. Throws KERNEL_NOT_FOUND. */
  readonly infoOf: (kernel: KernelId) => CreationInfo;
  /** Moves the node to another scaling group, for good, and says so at once. Throws STATE_UNUSABLE. */
  readonly moveTo: (scalingGroup: string) => Promise<void>;
}

/** What a method has beside its arguments. */
export interface RpcCall {
  readonly services: RpcServices;
  /** Aborts when the caller has gone, for methods that only wait; and when the grace of a stop is over. */
  readonly signal: AbortSignal;
  readonly log: Logger;
}

/** A method of any signature. */
export interface RpcMethod {
  readonly signature: RpcSignature;
  /** Whether a cancelled call ends at once: only for what changes nothing. */
  readonly waitsOnly: boolean;
  /** Whether each call is in the log at level info; debug otherwise. */
  readonly notable: boolean;
  readonly failures: FailureNames;
  readonly handle: (args: Record<string, unknown>, call: RpcCall) => unknown;
}

/** How a method is declared. */
export interface RpcMethodDefinition<Shape extends z.ZodRawShape, Result extends z.ZodType> {
  readonly signature: RpcSignature<Shape, Result>;
  readonly waitsOnly?: boolean;
  readonly notable?: boolean;
  readonly failures?: FailureNames;
  /**
   * How long a call may take at most; absent: what the handler calls is bounded itself. Managers wait without a limit of
   * their own, and a request to a runner waits for as long as its kernel lives.
   */
  readonly maxMs?: number;
  /** Begins at once, in the order in which calls arrive. What it throws becomes a failure. */
  readonly handle: (args: z.output<z.ZodObject<Shape>>, call: RpcCall) => z.input<Result> | Promise<z.input<Result>>;
}

/** Makes a method of its definition; its handler is bounded by `maxMs` when that is given. */
export function method<Shape extends z.ZodRawShape, Result extends z.ZodType>(
  definition: RpcMethodDefinition<Shape, Result>,
): RpcMethod {
  const { signature, waitsOnly = false, notable = false, failures = {}, maxMs, handle } = definition;
  const common = { signature, waitsOnly, notable, failures };
  if (maxMs === undefined) return { ...common, handle: handle as RpcMethod['handle'] };
  const bounded: typeof handle = (args, { services, log, signal }) => {
    const options = { what: `the call ${signature.name}`, timeoutMs: maxMs, signal };
    return withDeadline(options, async (deadline) => await handle(args, { services, log, signal: deadline.signal }));
  };
  return { ...common, handle: bounded as RpcMethod['handle'] };
}

/** Which of several agents is meant: later managers add it to every call, and it binds to no parameter. */
const agentParameter = 'agent_id';

/** The arguments by name, checked. Throws RpcFailure. */
export function bindArguments(signature: RpcSignature, given: CallArguments): Record<string, unknown> {
  const { kwargs } = given;
  const args = given.args.slice(0, hasTrailingAgent(given, signature) ? -1 : undefined);
  const shape = signature.args.shape as Readonly<Record<string, z.ZodType>>;
  const names = Object.keys(shape);
  const positional = names.slice(0, names.length - signature.keywordOnly);
  const call = `${signature.name}()`;
  if (args.length > positional.length) {
    const takes = `${positional.length} positional argument${positional.length === 1 ? '' : 's'}`;
    throw typeError(`${call} takes ${takes} but ${args.length} ${args.length === 1 ? 'was' : 'were'} given`);
  }
  const bound: Record<string, MsgpackValue> = {};
  for (const [index, value] of args.entries()) bound[positional[index] as string] = value;
  for (const [name, value] of Object.entries(kwargs)) {
    if (!(name in shape)) {
      if (name === agentParameter) continue;
      throw typeError(`${call} got an unexpected keyword argument ${pythonRepr(name)}`);
    }
    if (name in bound) throw typeError(`${call} got multiple values for argument ${pythonRepr(name)}`);
    bound[name] = value;
  }
  const missing = names.filter((name) => !(name in bound) && !shape[name]?.safeParse(undefined).success);
  // Managers of the third style give a map of this name (spec rpc 9.2).
  if (missing.includes('req')) throw new RpcFailure('ValueError', `${call} needs the map 'req'`);
  if (missing.length > 0) throw typeError(missingText(call, missing, positional));
  const checked = signature.args.safeParse(bound);
  if (!checked.success) throw wrongType(call, checked.error);
  return checked.data;
}

/** Which agent is meant, if the call says so: by name, or behind all arguments. */
export function agentIdOf(given: CallArguments, signature: RpcSignature): MsgpackValue {
  const { kwargs, args } = given;
  const place = hasTrailingAgent(given, signature)
    ? args.length - 1
    : Object.keys(signature.args.shape).indexOf(agentParameter);
  return kwargs[agentParameter] ?? (place < 0 ? null : (args[place] ?? null));
}

/** Whether the last argument by position is one more than the method has, and may name an agent (spec rpc 9.1). */
function hasTrailingAgent({ args, kwargs }: CallArguments, { args: { shape }, keywordOnly }: RpcSignature): boolean {
  const names = Object.keys(shape);
  const last = args.at(-1);
  if (args.length !== names.length + 1 || keywordOnly > 0 || names.includes(agentParameter)) return false;
  return (last === null || typeof last === 'string') && !(agentParameter in kwargs);
}

function missingText(call: string, missing: readonly string[], positional: readonly string[]): string {
  const kind = positional.includes(missing[0] ?? '') ? 'positional' : 'keyword-only';
  const plural = missing.length === 1 ? '' : 's';
  return `${call} missing ${missing.length} required ${kind} argument${plural}: ${missing.map(pythonRepr).join(', ')}`;
}

function wrongType(call: string, error: z.ZodError): RpcFailure {
  const issue = error.issues[0];
  const place = (issue?.path ?? []).map(String).join('.').slice(0, 200);
  const className = issue?.code === 'invalid_format' ? 'ValueError' : 'TypeError';
  return new RpcFailure(className, `${call} argument ${place}: ${(issue?.message ?? 'not valid').slice(0, 300)}`);
}

function typeError(text: string): RpcFailure {
  return new RpcFailure('TypeError', text);
}
