/**
 * Waits until the runner in the container is ready. The wait ends at once when the container does; the error then has
 * its status and the end of its log (spec kernel-lifecycle B38).
 */
import type { Engine } from '../../../engine/engine.ts';
import { sleep, systemClock } from '../../../lib/clock.ts';
import { type Deadline, withDeadline } from '../../../lib/deadline.ts';
import { KerneletError, toKerneletError } from '../../../lib/errors.ts';
import type { ContainerId } from '../../../lib/ids.ts';
import { beforeOutput } from '../../../lib/redaction.ts';
import { userScriptTimeoutMs } from '../../../protocol/runner-config.ts';
import type { RunnerClient } from '../../../runner-client/runner-client.ts';
import { logTail } from '../../reconciliation/container-end.ts';
import type { KernelRecord } from '../../record.ts';
import type { RunnerClients } from '../../runner-clients.ts';
import type { CreationStep } from '../step.ts';

/** What the step works with. */
export interface ReadyParts {
  readonly engine: Engine;
  readonly runners: RunnerClients;
  /** How long a runner may take from the container's start. */
  readonly timeoutMs: number;
}

/** Time beyond the runner's in which the end of the log is read for the error. */
const marginMs = 5_000;
const exitMarginMs = 300;

/** A user's script runs before the kernel is ready, and may take its own time (spec kernel-lifecycle B38). */
function readyWithinMs({ spec }: KernelRecord, timeoutMs: number): number {
  const hasScript = spec.files.some(({ folder, path }) => folder === 'home' && path === 'bootstrap.sh');
  return hasScript ? timeoutMs + userScriptTimeoutMs : timeoutMs;
}

async function notReady(engine: Engine, id: ContainerId, words: string, cause: unknown, exitCode: number | null) {
  const log = await logTail(engine, id);
  const text = log === '' ? `${words}; its log is empty` : `${words}${beforeOutput}${log}`;
  return new KerneletError('RUNNER_NOT_READY', text, { cause, context: exitCode === null ? {} : { exitCode } });
}

/** The container whose runner is waited for, and how long at most. */
export interface AwaitedRunner {
  readonly engine: Engine;
  readonly container: ContainerId;
  readonly timeoutMs: number;
  readonly deadline: Deadline;
}

/** Resolves when the runner is ready. Throws RUNNER_NOT_READY, at once when the container ends, with the end of its log. */
export async function awaitRunner(client: RunnerClient, awaited: AwaitedRunner): Promise<void> {
  const { engine, container: id, timeoutMs, deadline } = awaited;
  const settled = new AbortController();
  const signal = AbortSignal.any([deadline.signal, settled.signal]);
  let exitCode: number | null = null;
  const ended = engine.waitContainer(id, signal).then(
    (code) => {
      exitCode = code;
      throw new Error('the container ended');
    },
    // That the engine can't be asked doesn't mean that the runner won't be ready.
    () => new Promise<never>(() => {}),
  );
  try {
    const options = { what: "the runner's start", timeoutMs, signal };
    const ready = withDeadline(options, (inner) => client.ready(inner.signal));
    await Promise.race([ready, ended]);
  } catch (thrown) {
    if (deadline.signal.aborted) throw deadline.signal.reason;
    // A runner that goes away may be noticed before its container's end is.
    if (exitCode === null)
      await Promise.race([ended.catch(() => {}), sleep(systemClock, exitMarginMs, signal).catch(() => {})]);
    const words =
      exitCode === null
        ? toKerneletError(thrown).message
        : `the container ended with status ${exitCode} before its runner was ready`;
    throw await notReady(engine, id, words, thrown, exitCode);
  } finally {
    ended.catch(() => {});
    settled.abort();
  }
}

/** Its revert ends the runner's client, whose callers learn how the container ended. Throws RUNNER_NOT_READY. */
export function readyStep(parts: ReadyParts): CreationStep {
  return {
    name: 'ready',
    scope: 'generation',
    deadlineMs: parts.timeoutMs + userScriptTimeoutMs + marginMs,
    async apply(record, deadline) {
      if (record.containerId === null) throw new KerneletError('INTERNAL', 'there is no container to wait for');
      const { engine, runners } = parts;
      const timeoutMs = readyWithinMs(record, parts.timeoutMs);
      await awaitRunner(runners.open(record), { engine, container: record.containerId, timeoutMs, deadline });
      return {};
    },
    async revert(record) {
      const exitCode = record.termination?.exitCode ?? 137;
      await parts.runners.end(record.spec.id, { exitCode, detail: record.termination?.detail ?? 'it was removed' });
    },
  };
}
