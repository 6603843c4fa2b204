/** The form of a check of `kernelet doctor`, one file each, and what several of them ask the system. */
import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { AgentStatus } from '../../agent/agent.ts';
import type { Settings } from '../../config/settings.ts';
import type { EngineInfo } from '../../engine/engine.ts';
import type { KerneletError } from '../../lib/errors.ts';
import { runProgram } from '../../lib/run-program.ts';

/** The result of a check. `warning`: kernelet works, but less well. */
export interface CheckResult {
  readonly state: 'ok' | 'warning' | 'failed';
  /** What is so, in one sentence. */
  readonly detail: string;
  /** The command that fixes it. */
  readonly fix?: string;
  /** Does what `fix` says, where that is harmless. */
  readonly repair?: () => Promise<void>;
}

/** What checks work with: the settings that `serve` would have, and what the engine answers. */
export interface DoctorContext {
  readonly settings: Settings;
  /** The engine, or why it does not answer. */
  readonly engine:
    | {
        readonly address: string;
        readonly info: EngineInfo;
        /** Says that it is not the one that has the kernels of the state folder; null when nothing speaks for that. */
        readonly other: string | null;
      }
    | KerneletError;
  /** What a daemon of these settings says; null = none answers. */
  readonly daemon: Pick<AgentStatus, 'kernels' | 'ociRuntimes' | 'degraded'> | null;
  readonly userId: number;
  /** Aborts when a check takes too long. */
  readonly signal: AbortSignal;
}

/** A check, by the name that the report shows. */
export interface DoctorCheck {
  readonly name: string;
  /** What it rejects with is shown as a failure, with the cure of its error code. */
  run(context: DoctorContext): Promise<CheckResult>;
}

/** A result that needs no fix. */
export const ok = (detail: string): CheckResult => ({ state: 'ok', detail });
/** A result that something works less well. */
export const warning = (detail: string, fix: string): CheckResult => ({ state: 'warning', detail, fix });
/** A result that something does not work. */
export const failed = (detail: string, fix: string): CheckResult => ({ state: 'failed', detail, fix });

/** The standard output of a small program of the system, or null when it is missing, fails or takes too long. */
export async function commandOutput(
  program: string,
  args: readonly string[],
  signal: AbortSignal,
): Promise<string | null> {
  const options = { signal, timeoutMs: 5_000, maxOutputBytes: 2 ** 20 };
  const { exitCode, stdout } = await runProgram(program, args, options);
  return exitCode === 0 ? stdout : null;
}

/** The deepest folder on the way to a path that exists. */
export async function existingFolder(path: string): Promise<string> {
  for (let folder = path; ; folder = dirname(folder)) {
    const facts = await stat(folder).catch(() => null);
    if (facts?.isDirectory() || folder === dirname(folder)) return folder;
  }
}
