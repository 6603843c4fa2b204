/** The errors of the agent's side of a runner, each made in one place so that their texts agree. */
import { KerneletError } from '../lib/errors.ts';
import type { RunnerError } from '../protocol/runner-frames.ts';

/** How the container of a kernel ended. */
export interface KernelEnd {
  readonly exitCode: number;
  readonly detail: string;
}

/** What the runner answered, as an error of this program. */
export const fromRunner = (error: RunnerError): KerneletError => new KerneletError(error.code, error.message);

/** The connection broke, or could not be made: `why` ends the sentence. */
export const connectionLost = (why: string, cause?: unknown): KerneletError =>
  new KerneletError('CONNECTION_LOST', `the connection to the kernel's runner ${why}`, { cause });

/** KERNEL_UNREACHABLE: the runner has not answered since then, in milliseconds since the epoch. */
export const unreachable = (since: number): KerneletError =>
  new KerneletError(
    'KERNEL_UNREACHABLE',
    `the kernel's runner has not answered since ${new Date(since).toISOString()}; what was under way may still be done`,
    { context: { since } },
  );

/** The runner broke the protocol. */
export const protocolError = (cause: unknown): KerneletError =>
  new KerneletError(
    'PROTOCOL_ERROR',
    `the kernel's runner broke the protocol: ${cause instanceof Error ? cause.message : String(cause)}`,
    { cause },
  );

/** DEADLINE_EXCEEDED: the transfer of the file at `path` has made no progress for too long. */
export const noProgress = (path: string, timeoutMs: number): KerneletError => {
  const seconds = Math.round(timeoutMs / 1000);
  return new KerneletError(
    'DEADLINE_EXCEEDED',
    `the transfer of ${quoted(path)} has made no progress for ${seconds} s`,
  );
};

/** Of the `size` bytes that were announced of the file at `path`, only `bytes` came. */
export const becameShorter = (path: string, bytes: number, size: number): KerneletError => {
  const text = `${quoted(path)} became shorter while it was read: ${bytes} of ${size} bytes came`;
  return new KerneletError('FILE_ERROR', text, { context: { bytes, size } });
};

/** KERNEL_DIED: nothing more can be asked of a kernel that has ended. */
export const kernelDied = (end: KernelEnd): KerneletError =>
  new KerneletError('KERNEL_DIED', `the kernel has ended${end.detail === '' ? '' : `: ${end.detail}`}`, {
    context: { exitCode: end.exitCode },
  });

/** RUN_NOT_FOUND: the runner has never had the run, or has dropped it since. */
export const runNotFound = (run: string): KerneletError =>
  new KerneletError('RUN_NOT_FOUND', `the kernel has no run ${run}; finished runs are kept for a short time only`, {
    context: { run },
  });

/** The runner is of an older version: `lack` says what that does not do. */
export const olderRunner = (lack: string): KerneletError =>
  new KerneletError(
    'NOT_SUPPORTED',
    `the kernel was made by an older kernelet, which ${lack}; \`kernelet restart\` it, and its variables are lost`,
  );

/** SHUTTING_DOWN: this client was closed, and the kernel goes on without it. */
export const clientClosed = (): KerneletError =>
  new KerneletError('SHUTTING_DOWN', "the agent's connection to this kernel was closed; the kernel goes on");

/** The runner refused the greeting; trying again would change nothing. */
export class RunnerRefusal extends KerneletError {
  constructor(reason: 'secret' | 'protocol' | 'form', text: string) {
    const code = reason === 'protocol' ? 'NOT_SUPPORTED' : 'PROTOCOL_ERROR';
    super(code, `the kernel's runner refused the connection (${reason}): ${text}`, { context: { reason } });
  }
}

const quoted = (path: string): string => JSON.stringify(path.slice(0, 200));
