/** An error under the class name that the manager shall see; only this folder throws it. */

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
const names = [
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

export type FailureName = (typeof names)[number];

const known: ReadonlySet<string> = new Set(names);

/** Whether a text is one of the class names. */
export function isFailureName(name: string): name is FailureName {
  return known.has(name);
}
