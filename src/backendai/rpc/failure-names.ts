/** The class names that managers are told (spec rpc 8): Python's own, and those of upstream that callers may see. */
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

/** A class name. */
export type FailureName = (typeof names)[number];

const known: ReadonlySet<string> = new Set(names);

/** Whether a text is one of the class names. */
export function isFailureName(name: string): name is FailureName {
  return known.has(name);
}
