/** Bounds of what the local API takes. Plain values, so that the command line may import them cheaply. */

/** Bytes of a JSON request body. */
export const maxJsonBodyBytes = 4 * 1024 * 1024;
/** Bytes of one uploaded file. */
export const maxUploadBytes = 1024 * 1024 * 1024;
/** Bytes of code in a request, as JSON writes it: it travels to the runner in the header of one frame. */
export const maxCodeBytes = 448 * 1024;
/** Bytes of all arguments of a program together. */
export const maxArgumentBytes = 128 * 1024;
/** Bytes of one answer to `input()`. */
export const maxInputBytes = 64 * 1024;
/** Bytes of a path. */
export const maxPathBytes = 4096;
/** Variables of one kernel, and bytes of one of them. */
export const maxEnvironEntries = 1024;
export const maxEnvironBytes = 128 * 1024;
/** Mounts and published ports of one kernel. */
export const maxMounts = 64;
export const maxPublishedPorts = 64;
/** Slots of accelerators in one request. */
export const maxAccelerators = 16;
/** CPUs and memory that may be asked for at all; what the node has is checked by the agent. */
export const maxCpus = 1_000_000;
export const maxMemoryBytes = Number.MAX_SAFE_INTEGER;
export const maxProcesses = 4_194_304;
/** Columns or rows of a terminal. */
export const maxTerminalCells = 1000;
/** The longest duration: 365 days. */
export const maxDurationMs = 365 * 24 * 3600 * 1000;
/** Signals that may be sent to a run. */
export const runSignals = [
  ...(['SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2', 'SIGTERM', 'SIGKILL'] as const),
  ...(['SIGCONT', 'SIGSTOP', 'SIGTSTP', 'SIGWINCH'] as const),
] as const;
/** Labels of one kernel, and bytes of the value of one. */
export const maxLabels = 64;
export const maxLabelBytes = 256;
