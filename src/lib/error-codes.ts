/**
 * The registry of error codes. Each code says whose fault it is, which HTTP status and CLI exit status it becomes,
 * and what the reader should do. The catalogue in `docs/reference/errors.md` is generated from this table.
 *
 * Kinds: `caller` (the request is wrong), `environment` (the machine, its disk or its engine), `upstream` (a registry,
 * etcd, Redis), `internal` (a defect of kernelet).
 */
export type ErrorKind = 'caller' | 'environment' | 'upstream' | 'internal';

/** What the registry says about one code. */
export interface ErrorCodeEntry {
  readonly kind: ErrorKind;
  /** Status of the local HTTP API. */
  readonly httpStatus: number;
  /** When it is raised, in one sentence. */
  readonly summary: string;
  /** What the reader should do, in one sentence. */
  readonly cure: string;
}

const entry = (kind: ErrorKind, httpStatus: number, summary: string, cure: string): ErrorCodeEntry => ({
  kind,
  httpStatus,
  summary,
  cure,
});

/** Every code that a KerneletError may carry. */
export const errorCodes = {
  INVALID_ARGUMENT: entry(
    'caller',
    400,
    'A value of the request is not of the form or within the bounds it must have.',
    'Correct the named value.',
  ),
  INVALID_CONFIG: entry(
    'caller',
    400,
    'A key of the configuration has a wrong value.',
    'Correct the key at the named place; `kernelet config schema` shows what it takes.',
  ),
  INVALID_LABEL: entry(
    'caller',
    422,
    'A label of the image cannot be read.',
    'Rebuild the image with a correct label; `kernelet image inspect` shows what is wrong.',
  ),
  FORBIDDEN_MOUNT: entry(
    'caller',
    403,
    'A host path may not be mounted.',
    'Mount a path below `mount-allow` of the configuration.',
  ),
  FORBIDDEN_VOLUME: entry(
    'caller',
    403,
    'The image declares a volume where none may be.',
    'Build the image without this VOLUME, or with it at another path.',
  ),
  MANAGED: entry(
    'caller',
    403,
    'A manager decides about the kernels of this node.',
    'Ask the manager of the cluster; `--force` does it all the same.',
  ),
  FORBIDDEN_PATH: entry('caller', 403, "A path lies outside the kernel's home.", 'Name a path below /home/work.'),
  NO_SUCH_ROUTE: entry(
    'caller',
    404,
    'The API has no such address or method.',
    'GET /v1/openapi.json lists what there is.',
  ),
  TOO_LARGE: entry('caller', 413, 'A body or file is larger than is taken.', 'Send less, or in several parts.'),
  KERNEL_NOT_FOUND: entry('caller', 404, 'No kernel has this id or name.', '`kernelet ps` lists the kernels.'),
  AMBIGUOUS_ID: entry(
    'caller',
    409,
    'Several kernels begin with this id.',
    'Give more characters of the id, or the name.',
  ),
  KERNEL_EXISTS: entry(
    'caller',
    409,
    'A kernel with this id or name exists already.',
    'Choose another id or name, or remove the kernel.',
  ),
  KERNEL_NOT_RUNNING: entry(
    'caller',
    409,
    'The kernel is not running, so it cannot do this.',
    'Look at its state with `kernelet inspect`.',
  ),
  KERNEL_MISSING: entry(
    'environment',
    503,
    'The container engine does not list the container of the kernel, which may come back.',
    '`kernelet inspect` says since when; it ends when it stays away, and its files are kept: `kernelet restore`.',
  ),
  KERNEL_UNREACHABLE: entry(
    'environment',
    503,
    "The kernel's runner does not answer: its container is paused, it is stopped or stuck, or its socket was deleted.",
    '`kernelet inspect` says since when; the kernel is used on when it answers again, and `kernelet rm --force` removes it.',
  ),
  KERNEL_DIED: entry(
    'environment',
    410,
    'The kernel ended while it was being used.',
    'Its reason is in the message; create a new one.',
  ),
  RUN_NOT_FOUND: entry(
    'caller',
    404,
    'No run has this id in this kernel.',
    'Finished runs are kept for a minute only.',
  ),
  RUN_EXISTS: entry('caller', 409, 'A run with this id exists with other contents.', 'Use a new run id.'),
  CONTEXT_NOT_FOUND: entry(
    'caller',
    404,
    'The kernel has no context of this name.',
    '`kernelet context ls` lists them; a restart of the kernel leaves `main` alone.',
  ),
  CONTEXT_EXISTS: entry(
    'caller',
    409,
    'The kernel has a context of this name that is another one.',
    'Choose another name, or remove the context.',
  ),
  PORT_CLOSED: entry(
    'caller',
    502,
    'Nothing listens on this port in the kernel.',
    '`kernelet port ID` lists the ports on which something listens.',
  ),
  PORT_FAILED: entry(
    'caller',
    502,
    'What listens on a port of the kernel accepts no connection, broke it, or does not answer in HTTP.',
    'Look at what the program in the kernel says; `kernelet forward` carries every protocol.',
  ),
  FOREIGN_ORIGIN: entry(
    'caller',
    403,
    'A browser asks for something of the API on behalf of a page from elsewhere.',
    'Ask from a program, or from a page of the same origin as the API.',
  ),
  FILE_NOT_FOUND: entry('caller', 404, 'No such file in the kernel.', '`kernelet ls` lists the files.'),
  FILE_EXISTS: entry(
    'caller',
    409,
    'Something in the kernel stands where a file or folder was to be put.',
    'Choose another name, or remove or replace what is there.',
  ),
  FILE_ERROR: entry(
    'caller',
    422,
    'A file could not be read or written, in the kernel or here.',
    'The message has the reason the operating system gave.',
  ),
  IMAGE_NOT_FOUND: entry(
    'caller',
    404,
    'The image is not on this machine and was not pulled.',
    'Build it with `kernelet image build`, or pull it.',
  ),
  IMAGE_UNUSABLE: entry(
    'caller',
    422,
    'The image cannot be used for a kernel here.',
    'The message says why: another architecture, or no program to run.',
  ),
  IMAGE_PULL_FAILED: entry(
    'upstream',
    502,
    'The image could not be pulled.',
    'Check its name and that its registry can be reached.',
  ),
  IMAGE_BUILD_FAILED: entry(
    'environment',
    500,
    'The image could not be built.',
    "The message ends with the build's last lines.",
  ),
  IMAGE_PUSH_FAILED: entry(
    'environment',
    502,
    'The image could not be pushed.',
    'Check its name, the credentials and that its registry can be reached.',
  ),
  INSUFFICIENT_RESOURCES: entry(
    'caller',
    409,
    'The node has not enough of a resource left.',
    'Ask for less, or remove kernels.',
  ),
  NO_PORT_LEFT: entry(
    'environment',
    409,
    'No host port of the pool is free.',
    'Remove kernels or widen `container.port-range`.',
  ),
  NOT_SUPPORTED: entry(
    'caller',
    422,
    'This kernel, engine or machine cannot do what was asked.',
    'The message says why.',
  ),
  PROTOCOL_ERROR: entry(
    'internal',
    502,
    'The runner in the container sent something it must not.',
    'Remove the kernel.',
  ),
  CONNECTION_LOST: entry(
    'environment',
    502,
    "The connection to the kernel's runner broke; what was under way may or may not have been done.",
    'Look at the state of the run or file, then try again.',
  ),
  RUNNER_NOT_READY: entry(
    'environment',
    504,
    'The runner in the container did not get ready in time.',
    "The message ends with the container's last lines.",
  ),
  ENGINE_UNAVAILABLE: entry(
    'environment',
    503,
    'The container engine does not answer.',
    'Start it, or set DOCKER_HOST; `kernelet doctor` tells more.',
  ),
  ENGINE_CHANGED: entry(
    'environment',
    503,
    'Another container engine answers than the one that has the kernels, or one without its data.',
    'See whether the disk of its data is mounted, and whether DOCKER_HOST is right; accept the new one when it is meant.',
  ),
  ENGINE_FAILED: entry(
    'environment',
    502,
    'The container engine refused or failed an operation.',
    "The message has the engine's own words.",
  ),
  ENGINE_UNSUPPORTED: entry(
    'environment',
    503,
    'The container engine cannot be used: remote, or too old.',
    'Use a local engine on a UNIX socket.',
  ),
  DEADLINE_EXCEEDED: entry(
    'environment',
    504,
    'An operation took longer than its deadline.',
    'Try again; `kernelet doctor` shows what is slow.',
  ),
  FILE_SYSTEM_HUNG: entry(
    'environment',
    503,
    'A file system on which a path lies does not answer.',
    'Do what the message says; `hungFileSystems` of the status lists it until it answers. What lies elsewhere is not concerned.',
  ),
  SERVICE_FAILED: entry(
    'environment',
    500,
    'A service of this machine was not started, stopped or reloaded as it was asked for.',
    'The message has the reason; `systemctl status` and the journal of the service tell more.',
  ),
  STATE_LOCKED: entry(
    'environment',
    409,
    'Another daemon uses this state folder, or the file that the message names.',
    'Stop it, or choose another place: --state-dir, `agent.pid-file`.',
  ),
  STATE_UNUSABLE: entry(
    'environment',
    500,
    'A folder of the daemon cannot be used (not writable, full, or mounted noexec), or an address cannot be had.',
    'Choose another: --state-dir, or what the message names.',
  ),
  DAEMON_UNREACHABLE: entry('environment', 503, 'No daemon answers on the socket.', 'Start one with `kernelet serve`.'),
  SHUTTING_DOWN: entry('environment', 503, 'The daemon is stopping.', 'Try again when it is back.'),
  OVERLOADED: entry('environment', 429, 'A queue is full.', 'Wait and try again.'),
  ETCD_UNAVAILABLE: entry(
    'upstream',
    503,
    'No server of etcd answers.',
    'Check that etcd runs and that `etcd.addr` can be reached; what was asked is tried again.',
  ),
  ETCD_REFUSED: entry(
    'upstream',
    502,
    'etcd refuses an operation.',
    "The message has etcd's own words; check user, password and permissions.",
  ),
  REDIS_UNAVAILABLE: entry(
    'upstream',
    503,
    'Redis does not answer, or cannot take writes now.',
    'Check that it runs and that `config/redis` in etcd is right; what must not be lost is kept and sent later.',
  ),
  REDIS_REFUSED: entry(
    'upstream',
    502,
    'Redis refuses a command.',
    "The message has the server's own words; check password, permissions and memory.",
  ),
  CANCELLED: entry('caller', 499, 'The operation was cancelled.', 'Nothing needs to be done.'),
  INTERNAL: entry('internal', 500, 'A defect of kernelet.', 'Report it with the log of the daemon.'),
} as const satisfies Record<string, ErrorCodeEntry>;

/** A code of the registry. */
export type ErrorCode = keyof typeof errorCodes;
