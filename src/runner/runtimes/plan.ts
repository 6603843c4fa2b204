/** The plans that runtimes answer with, in one line each. */
import { dirname } from 'node:path';
import { promote } from '../environment.ts';
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

/** The plan that a runtime's tool carries out; where the image has none, 127 and why. */
export function withTool(context: RuntimeContext, missing: string, plan: (tool: string) => Plan): Plan {
  return context.tool === null ? unable(missing) : plan(context.tool);
}

/** The same as a script, for what is found out only while it runs. */
export const sayUnable = (message: string): string => `echo "kernelet: ${message}" >&2; exit ${cannotRun}`;

/** Another program of the tool's installation: beside the tool, else on the PATH of the image; null when neither is there. */
export function companion(context: RuntimeContext, program: string): string | null {
  const beside = context.tool === null ? null : context.which(`${dirname(context.tool)}/${program}`);
  return beside ?? context.which(program);
}

/** A path as a command's operand: one that begins with a dash is no option, and with `@` no list of options. */
export function operand(path: string): string {
  return /^[-@]/.test(path) ? `./${path}` : path;
}

/** Bytes that the kernel takes as one argument (MAX_ARG_STRLEN, 128 KiB), with room to spare. */
const maxArgumentBytes = 120 * 1024;

/** Whether code can be handed over as an argument; else it has to go through a file. */
export function fitsArgument(code: string): boolean {
  return !code.includes('\0') && Buffer.byteLength(code) <= maxArgumentBytes;
}

/** A search path with these folders in front, the last one first (spec kernel-runner 14). */
export function pathWith(context: RuntimeContext, folders: readonly string[]): string {
  return folders.reduce(promote, context.environ['PATH'] ?? '');
}

/** The variable that tells programs that they run in batch mode (spec kernel-runner 8.2). */
export const batchMode = { _BACKEND_BATCH_MODE: '1' } as const;

/** Runs a file of the home by this command, for `exec` of a batch; 127 where the file is not there. */
export function runMain(
  context: RuntimeContext,
  file: string,
  command: readonly string[],
  environ: TenantCommand['environ'] = batchMode,
): PlanStep {
  const text = `if [ -f ${file} ]; then exec "$@"; fi\necho "kernelet: there is no ${file} to run" >&2\nexit 127`;
  return main(script(context, text, command), environ);
}

/** Saves the program that comes on standard input, which is at its end for what runs after it. */
export function saveInput(context: RuntimeContext, path: string): PlanStep {
  return main(script(context, 'mkdir -p "${1%/*}" && cat >"$1"', [path]));
}

/**
 * A script that gives every file below the home with this ending to a command, hidden ones left out; 127 where there is
 * none. Its arguments are the command's first words.
 */
export function withSources(title: string, ending: string): string {
  const find = `find . -name '.?*' -prune -o -type f -name '*${ending}'`;
  return `if [ -z "$(${find} -print | head -c 1)" ]; then
  echo "kernelet: no Makefile and no ${title} source (${ending}) to build" >&2
  exit 127
fi
exec ${find} -exec "$@" {} +`;
}

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
