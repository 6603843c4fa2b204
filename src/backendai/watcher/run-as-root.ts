/** Runs a program that needs to be root: by `sudo`, which must not ask, where this process is somebody else. */
import { type ProgramResult, runProgram } from '../../lib/run-program.ts';

/** Runs it within a time, and gives its exit status and the begin of its output. */
export type RunAsRoot = (program: string, args: readonly string[], timeoutMs: number) => Promise<ProgramResult>;

const maxOutputBytes = 16 * 1024;

export const runAsRoot: RunAsRoot = (program, args, timeoutMs) => {
  const options = { timeoutMs, maxOutputBytes };
  return process.getuid?.() === 0
    ? runProgram(program, args, options)
    : runProgram('sudo', ['-n', '--', program, ...args], options);
};
