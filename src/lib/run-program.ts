/** Runs small programs of the system, without a shell. */
import { type ChildProcess, spawn } from 'node:child_process';
import { addAbortListener } from 'node:events';
import { type Clock, systemClock } from './clock.ts';

/** How a program ended, and as much of its output as was asked for. */
export interface ProgramResult {
  /** −1: it could not be run, or was given up. */
  readonly exitCode: number;
  /** Blank unless it was asked for. */
  readonly stdout: string;
  /** The end of what it wrote there, without blanks around; of a program that could not be run, why. */
  readonly stderr: string;
}

export interface ProgramOptions {
  readonly input?: string;
  /** How much of its standard output is kept; 0 when absent: then it has none, and `stdout` is blank. */
  readonly maxOutputBytes?: number;
  /** Kills the program when it aborts. */
  readonly signal?: AbortSignal;
  /** Kills the program after so long; no limit when absent. */
  readonly timeoutMs?: number;
  readonly clock?: Clock;
}

const maxStderr = 4096;

/** Sends a signal to the process group that a program leads; one that has ended is fine. */
export function signalGroup({ pid }: Pick<ChildProcess, 'pid'>, name: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, name);
  } catch {
    // It has ended.
  }
}

/**
 * Runs a program to its end. What is given up is killed and not waited for: one that hangs in the kernel cannot be ended.
 * Of this process's environment it gets PATH alone, with the folders of administrators' programs. Never rejects, also where
 * this process has no descriptor left.
 */
export function runProgram(
  program: string,
  args: readonly string[],
  options: ProgramOptions = {},
): Promise<ProgramResult> {
  const { input, maxOutputBytes = 0, signal, timeoutMs, clock = systemClock } = options;
  const { promise, resolve } = Promise.withResolvers<ProgramResult>();
  if (signal?.aborted) return Promise.resolve({ exitCode: -1, stdout: '', stderr: String(signal.reason) });
  const output = { stdout: '', stderr: '' };
  let child: ChildProcess;
  try {
    child = spawn(program, args, {
      // A group of its own, so that what it starts ends with it.
      detached: true,
      stdio: [input === undefined ? 'ignore' : 'pipe', maxOutputBytes === 0 ? 'ignore' : 'pipe', 'pipe'],
      env: { PATH: `${process.env['PATH'] || '/usr/bin:/bin'}:/usr/sbin:/sbin`, LC_ALL: 'C' },
    });
  } catch (error) {
    return Promise.resolve({ exitCode: -1, stdout: '', stderr: String(error) });
  }
  const giveUp = (why: string): void => {
    signalGroup(child, 'SIGKILL');
    // Whoever still holds its pipes keeps this process no more.
    for (const stream of [child.stdin, child.stdout, child.stderr]) stream?.destroy();
    child.unref();
    resolve({ exitCode: -1, stdout: '', stderr: why });
  };
  child.once('error', (error) => resolve({ exitCode: -1, stdout: '', stderr: error.message }));
  child.once('close', (code) => resolve({ exitCode: code ?? -1, ...output, stderr: output.stderr.trim() }));
  // Without descriptors there are no pipes, whatever the types say, and an error follows.
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    output.stdout = (output.stdout + text).slice(0, maxOutputBytes);
  });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    output.stderr = (output.stderr + text).slice(-maxStderr);
  });
  child.stdin?.on('error', () => {}).end(input);
  const timer =
    timeoutMs === undefined ? null : clock.after(timeoutMs, () => giveUp(`it took longer than ${timeoutMs} ms`));
  const listener = signal ? addAbortListener(signal, () => giveUp(String(signal.reason))) : null;
  return promise.finally(() => {
    timer?.[Symbol.dispose]();
    listener?.[Symbol.dispose]();
  });
}
