/**
 * From what a handler throws to what the manager reads (spec rpc 5.1): a class name and a `repr` in Python's manner,
 * since people read them, and where it happened. This is the only place that knows both kinds of error. An RpcFailure
 * is an error under the class name that the manager shall see; only this folder throws it.
 */
import { type Decimal, plainText } from '../../lib/decimal.ts';
import type { ErrorCode } from '../../lib/error-codes.ts';
import { type KerneletError, toKerneletError } from '../../lib/errors.ts';
import { pythonRepr } from '../../lib/python-repr.ts';
import { redactText } from '../../lib/redaction.ts';
import { ResourceError, type ResourceProblem, type SlotAsk } from '../../resources/resource-error.ts';
import type { FailureParts } from '../wire/callosum.ts';

/** `TypeError`, `KeyError` and the like, with the text that goes into the parentheses of its `repr`. */
export class RpcFailure extends Error {
  /** The class name, as in Python. */
  readonly className: FailureName;

  constructor(className: FailureName, message: string) {
    super(message);
    this.name = 'RpcFailure';
    this.className = className;
  }
}

/** The class names of failures (spec rpc 8): Python's own, and those of upstream that callers may see. */
const classNames = [
  'AgentError',
  'AgentIdNotFoundError',
  'DockerError',
  'FileExistsError',
  'FileNotFoundError',
  'ImageNotAvailable',
  'InsufficientResource',
  'InvalidResourceArgument',
  'InvalidResourceCombination',
  'KeyError',
  'NotImplementedError',
  'NotMultipleOfQuantum',
  'OSError',
  'PermissionError',
  'ResourceError',
  'RuntimeError',
  'TaskGroupError',
  'TimeoutError',
  'TypeError',
  'UnsupportedResource',
  'ValueError',
] as const;

export type FailureName = (typeof classNames)[number];

const known: ReadonlySet<string> = new Set(classNames);

/** Whether a text is one of the class names. */
export function isFailureName(name: string): name is FailureName {
  return known.has(name);
}

/** Class names by error code: upstream's, where upstream has the error (spec rpc 8). */
export const usualClassNames: Readonly<Record<ErrorCode, FailureName>> = {
  INVALID_ARGUMENT: 'ValueError',
  INVALID_CONFIG: 'ValueError',
  INVALID_LABEL: 'ValueError',
  FORBIDDEN_MOUNT: 'PermissionError',
  FORBIDDEN_VOLUME: 'PermissionError',
  MANAGED: 'PermissionError',
  FORBIDDEN_PATH: 'PermissionError',
  NO_SUCH_ROUTE: 'NotImplementedError',
  TOO_LARGE: 'ValueError',
  KERNEL_NOT_FOUND: 'KeyError',
  AMBIGUOUS_ID: 'ValueError',
  KERNEL_EXISTS: 'FileExistsError',
  KERNEL_NOT_RUNNING: 'RuntimeError',
  KERNEL_MISSING: 'RuntimeError',
  KERNEL_UNREACHABLE: 'RuntimeError',
  KERNEL_DIED: 'RuntimeError',
  RUN_NOT_FOUND: 'RuntimeError',
  RUN_EXISTS: 'ValueError',
  CONTEXT_NOT_FOUND: 'RuntimeError',
  CONTEXT_EXISTS: 'ValueError',
  PORT_CLOSED: 'RuntimeError',
  PORT_FAILED: 'RuntimeError',
  FOREIGN_ORIGIN: 'PermissionError',
  FILE_NOT_FOUND: 'RuntimeError',
  FILE_EXISTS: 'RuntimeError',
  FILE_ERROR: 'RuntimeError',
  IMAGE_NOT_FOUND: 'ImageNotAvailable',
  IMAGE_UNUSABLE: 'AgentError',
  IMAGE_PULL_FAILED: 'DockerError',
  IMAGE_BUILD_FAILED: 'DockerError',
  IMAGE_PUSH_FAILED: 'DockerError',
  INSUFFICIENT_RESOURCES: 'InsufficientResource',
  NO_PORT_LEFT: 'KeyError',
  NOT_SUPPORTED: 'NotImplementedError',
  PROTOCOL_ERROR: 'RuntimeError',
  CONNECTION_LOST: 'RuntimeError',
  RUNNER_NOT_READY: 'RuntimeError',
  ENGINE_UNAVAILABLE: 'DockerError',
  ENGINE_CHANGED: 'DockerError',
  ENGINE_FAILED: 'DockerError',
  ENGINE_UNSUPPORTED: 'DockerError',
  DEADLINE_EXCEEDED: 'TimeoutError',
  FILE_SYSTEM_HUNG: 'OSError',
  SERVICE_FAILED: 'RuntimeError',
  STATE_LOCKED: 'RuntimeError',
  STATE_UNUSABLE: 'OSError',
  DAEMON_UNREACHABLE: 'RuntimeError',
  SHUTTING_DOWN: 'RuntimeError',
  OVERLOADED: 'RuntimeError',
  ETCD_UNAVAILABLE: 'RuntimeError',
  ETCD_REFUSED: 'RuntimeError',
  REDIS_UNAVAILABLE: 'RuntimeError',
  REDIS_REFUSED: 'RuntimeError',
  CANCELLED: 'RuntimeError',
  INTERNAL: 'RuntimeError',
};

/** Class names that one method uses in place of the usual ones. */
export type FailureNames = Readonly<Partial<Record<ErrorCode, FailureName>>>;

const maxText = 4096;

/** The three texts of a failure. */
export function failureParts(thrown: unknown, names: FailureNames = {}): FailureParts {
  if (thrown instanceof RpcFailure) return parts(thrown.className, pythonRepr(cut(redactText(thrown.message))), thrown);
  const error = toKerneletError(thrown);
  const className = ownClassName(error) ?? names[error.code] ?? usualClassNames[error.code];
  return parts(className, argumentsOf(error, className), error);
}

/** The text of a failure, as the manager knows it, without secrets that others have repeated. */
export function failureText(thrown: unknown): string {
  if (thrown instanceof ResourceError) return resourceText(thrown);
  return redactText(thrown instanceof Error ? thrown.message : String(thrown));
}

/** Errors of resources have class names of their own. */
function ownClassName(error: KerneletError): FailureName | null {
  const name = error instanceof ResourceError ? resourceClass(error) : '';
  return isFailureName(name) ? name : null;
}

/** Whether the caller is at fault: then nothing goes to the cluster's error log (spec rpc 5.3). */
export function isCallersFault(thrown: unknown): boolean {
  return thrown instanceof RpcFailure || toKerneletError(thrown).entry.kind === 'caller';
}

/** Codes that say nothing is wrong with this agent. */
const expected: ReadonlySet<ErrorCode> = new Set([
  'CANCELLED',
  'DEADLINE_EXCEEDED',
  'KERNEL_DIED',
  'OVERLOADED',
  'SHUTTING_DOWN',
]);

/** Whether it belongs into the cluster's log of errors: neither the caller's fault nor the way of things. */
export function isUnexpected(thrown: unknown): boolean {
  return !isCallersFault(thrown) && !expected.has(toKerneletError(thrown).code);
}

function argumentsOf(error: KerneletError, className: string): string {
  const { kernel } = error.context;
  if (error.code === 'KERNEL_NOT_FOUND' && className === 'KeyError' && typeof kernel === 'string') {
    return `UUID(${pythonRepr(kernel)})`;
  }
  return pythonRepr(cut(failureText(error)));
}

function parts(className: string, shown: string, error: Error): FailureParts {
  return [className, `${className}(${shown})`, cut(redactText(error.stack ?? error.message))];
}

function cut(text: string): string {
  return text.length <= maxText ? text : `${text.slice(0, maxText)}…`;
}

/** The classes, of which some are managers' own alone: a caller gets the class of the error's code instead. */
const classes = {
  'unknown-slot': 'UnsupportedResource',
  'exclusive-slots': 'InvalidResourceCombination',
  'only-one': 'InvalidResourceArgument',
  'invalid-amount': 'InvalidResourceArgument',
  insufficient: 'InsufficientResource',
  fragmented: 'FractionalResourceFragmented',
  'below-quantum': 'NotMultipleOfQuantum',
  'unknown-device-type': 'ConfigurationError',
  'endless-spread': 'ResourceError',
} as const satisfies Readonly<Record<ResourceProblem['kind'], string>>;

const maps = { discrete: 'DiscretePropertyAllocMap', fraction: 'FractionAllocMap' } as const;
const lacks = { amount: 'amount', candidates: 'candidate devices' } as const;

/** The class name of an error. */
export const resourceClass = ({ problem }: ResourceError): (typeof classes)[ResourceProblem['kind']] =>
  classes[problem.kind];

/** The text of an error; managers put it into the data of a session's status. */
export function resourceText({ problem, message }: ResourceError): string {
  switch (problem.kind) {
    case 'unknown-slot':
      return problem.slot;
    case 'exclusive-slots':
      return `Slots ${problem.slots.join(' and ')} cannot be allocated at the same time.`;
    case 'only-one':
      return `You may allocate only 1 for the unique-type slot ${problem.slot}`;
    case 'insufficient': {
      const { map, lack, ask, available } = problem;
      return `InsufficientResource: ${maps[map]}: insufficient allocatable ${lacks[lack]}! (${tagged(ask)}, allocating ${plainText(ask.amount)} out of ${plainText(available)})`;
    }
    case 'fragmented': {
      const { ask, candidates } = problem;
      return `FractionalResourceFragmented: FractionAllocMap: refusing to create kernel with fractional resource fragmented! (${tagged(ask)}, allocating ${plainText(ask.amount)} from [${candidates.map(pair).join(', ')}])`;
    }
    case 'below-quantum':
      return `Requested resource amount for ${problem.ask.slot} is ${plainText(problem.ask.amount)} but actual calculated amount is zero. This can happen if user requests resource amount smaller than target device's quantum size.`;
    default:
      return message;
  }
}

const tagged = ({ slot, tag }: SlotAsk): string => (tag === undefined ? slot : `${slot} (tag: '${tag}')`);
const pair = ([device, allocated]: readonly [string, Decimal]): string => `('${device}', ${plainText(allocated)})`;
