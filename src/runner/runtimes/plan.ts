/** The plans that runtimes answer with, in one line each. */
import type { Plan, PlanStep, RuntimeContext, TenantCommand } from '../runtime.ts';

/** The status of what cannot be run, as a shell has it for a command that it does not find. */
export const cannotRun = 127;

/** Nothing to do, which is a success; `message` says why, when there is one. */
export function nothing(message = ''): Plan {
  return { kind: 'nothing', exitCode: 0, message };
}

/** It cannot be run: one line for standard error and status 127. */
export function unable(message: string): Plan {
  return { kind: 'nothing', exitCode: cannotRun, message: `kernelet: ${message}` };
}

/** Steps that are done one after the other, until one fails. */
export function steps(...list: readonly PlanStep[]): Plan {
  return { kind: 'steps', steps: list };
}

/** The user's program itself: it gets standard input and is what interrupts reach. */
export function main(argv: readonly string[], environ?: TenantCommand['environ']): PlanStep {
  return { do: 'run', main: true, command: environ ? { argv, environ } : { argv } };
}

/** A script for the volume's shell; `args` are its `$1`, `$2`, … */
export function script(context: RuntimeContext, text: string, args: readonly string[] = []): readonly string[] {
  return [context.volumeShell, '-c', text, 'kernelet', ...args];
}

/** A path as a command's operand: one that begins with a dash is no option. */
export function operand(path: string): string {
  return path.startsWith('-') ? `./${path}` : path;
}

/** Bytes that the kernel takes as one argument (MAX_ARG_STRLEN, 128 KiB), with room to spare. */
const maxArgumentBytes = 120 * 1024;

/** Whether code can be handed over as an argument; else it has to go through a file. */
export function fitsArgument(code: string): boolean {
  return !code.includes('\0') && Buffer.byteLength(code) <= maxArgumentBytes;
}

/** The variable that tells programs that they run in batch mode (spec kernel-runner 8.2). */
export const batchMode = { _BACKEND_BATCH_MODE: '1' } as const;

/** A shell condition: the home has a file that `make` reads. */
const hasMakefile = '[ -f Makefile ] || [ -f makefile ] || [ -f GNUmakefile ]';

/**
 * `make` when there is a Makefile, else `otherwise`: shell commands, with `args` as their `$1`, `$2`, …; with none,
 * success after saying that there was nothing to do.
 */
export function buildWithMake(
  context: RuntimeContext,
  otherwise = 'echo "kernelet: no Makefile: nothing to build" >&2',
  args: readonly string[] = [],
): Plan {
  return steps(main(script(context, `if ${hasMakefile}; then exec make; fi\n${otherwise}`, args)));
}

/** `make clean` when there is a Makefile, else nothing. */
export function cleanWithMake(context: RuntimeContext): Plan {
  const text = `if ${hasMakefile}; then exec make clean; fi\necho "kernelet: no Makefile: nothing to clean" >&2`;
  return steps(main(script(context, text)));
}
