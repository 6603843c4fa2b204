/**
 * Exit statuses. Of a command that runs a program: the program's own; 128 + n after signal n; 137 at a limit of time, memory
 * or output; 125 when kernelet itself failed; 124 is never made up here. Of the daemon (spec config-and-ops 11.2): by them a
 * service manager decides what to do, and 0 is for a stop that was asked for alone.
 */
import { formatByteSize } from '../lib/byte-size.ts';
import { formatDuration } from '../lib/duration.ts';
import { toKerneletError } from '../lib/errors.ts';
import type { EndReason } from '../protocol/run-event.ts';

/** Statuses that no program gives. */
export const exitStatus = { ok: 0, usage: 2, failure: 125, limit: 137, brokenPipe: 141 } as const;

/** How a run ended and what limited it. */
export interface RunEnd {
  readonly exitCode: number;
  readonly reason: EndReason;
  readonly timeoutMs: number | null;
  /** Null when it is not known. */
  readonly memoryBytes: number | null;
}

/** The status, and a line for standard error when there is something to say. */
export interface EndStatus {
  readonly status: number;
  readonly line: string | null;
}

/** Maps the end of a run. */
export function statusOfEnd(end: RunEnd): EndStatus {
  switch (end.reason) {
    case 'time-limit': {
      const value = end.timeoutMs === null ? '' : ` of ${formatDuration(end.timeoutMs)}`;
      return { status: exitStatus.limit, line: `the program was killed at its time limit${value}` };
    }
    case 'memory-limit': {
      const value = end.memoryBytes === null ? '' : ` of ${formatByteSize(end.memoryBytes)}`;
      return { status: exitStatus.limit, line: `the program was killed at its memory limit${value}` };
    }
    case 'cpu-limit':
      return { status: exitStatus.limit, line: 'the program was killed at its limit of CPU time' };
    case 'output-limit':
      return { status: exitStatus.limit, line: 'the program was killed at the limit of its output' };
    case 'kernel-ended':
      return { status: exitStatus.failure, line: 'the kernel ended while the program was running' };
    case 'internal':
      return { status: exitStatus.failure, line: 'the runner in the kernel failed' };
    case 'exited':
    case 'signalled':
    case 'cancelled':
    case 'unable':
      return { status: plainStatus(end.exitCode), line: null };
  }
}

function plainStatus(exitCode: number): number {
  if (exitCode < 0) return 128 + Math.min(127, -exitCode);
  return exitCode & 0xff;
}

/** Statuses of the daemon; 69, 70 and 75 are those of `sysexits.h`. */
export const daemonStatus = { configuration: 1, unavailable: 69, internal: 70, temporary: 75 } as const;

/** The exit status of a daemon that anything thrown has ended. */
export function daemonStatusOf(thrown: unknown): number {
  const { code, entry } = toKerneletError(thrown);
  switch (code) {
    case 'INVALID_CONFIG':
    case 'INVALID_ARGUMENT':
    case 'NOT_SUPPORTED':
      return daemonStatus.configuration;
    case 'ENGINE_UNAVAILABLE':
    case 'ENGINE_UNSUPPORTED':
    case 'ENGINE_FAILED':
      return daemonStatus.unavailable;
    default:
      if (entry.kind === 'upstream') return daemonStatus.unavailable;
      return entry.kind === 'internal' ? daemonStatus.internal : daemonStatus.temporary;
  }
}
