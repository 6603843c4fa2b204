/** What one program or command may take, beside what its kernel may; what is absent only the kernel limits. */
import { isAbsent, object, whole } from './guards.ts';

/** Limits of a run. Reaching one ends a program unlike any exit of its own, but for memory, which it is refused. */
export interface RunLimits {
  /** Seconds of CPU time of each of its processes, which then gets SIGXCPU, and SIGKILL a second later. */
  readonly cpuSeconds?: number | undefined;
  /** Bytes of address space of each of its processes. */
  readonly memoryBytes?: number | undefined;
  /** Bytes that it prints on all its streams; then it is killed. */
  readonly outputBytes?: number | undefined;
}

/** A month, and what a processor can address. */
export const maxCpuSeconds = 31 * 24 * 3600;
export const maxLimitBytes = 2 ** 47;
/** No program can be started in less. */
export const leastMemoryBytes = 1024 * 1024;

/** Reads limits; what is absent stays so. Throws FrameError. */
export function runLimits(value: unknown): RunLimits {
  const { cpuSeconds, memoryBytes, outputBytes } = object(value, 'limits');
  return {
    ...(isAbsent(cpuSeconds) ? {} : { cpuSeconds: whole(cpuSeconds, 'cpuSeconds', 1, maxCpuSeconds) }),
    ...(isAbsent(memoryBytes)
      ? {}
      : { memoryBytes: whole(memoryBytes, 'memoryBytes', leastMemoryBytes, maxLimitBytes) }),
    ...(isAbsent(outputBytes) ? {} : { outputBytes: whole(outputBytes, 'outputBytes', 0, maxLimitBytes) }),
  };
}
