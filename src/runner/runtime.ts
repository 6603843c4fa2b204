/**
 * A language runtime: how programs of one type are built and run (spec kernel-runner 14). One file each in
 * `runtimes/`; adding one is adding a file, its line in `runtimes/index.ts` and its row in
 * `protocol/runtimes.ts`.
 *
 * A runtime does nothing itself: it answers with a plan, and the runner carries the plan out with the tenant's ids.
 * Nothing here reads the tenant's home: the runner is root without the right to override permissions, and the home is
 * the tenant's. What depends on files there is written as a script for the volume's shell.
 */

import { accessSync, constants, existsSync, readdirSync, statSync } from 'node:fs';
import type { ProgramSource } from '../protocol/execute-request.ts';
import type { KernelChoice } from './jupyter/kernel-choice.ts';
import { volumePaths } from './volume-paths.ts';

/** A process to run with the tenant's ids. */
export interface TenantCommand {
  /** Executed as it is; `argv[0]` is looked up on the tenant's PATH when it has no slash. */
  readonly argv: readonly string[];
  /** Added to the tenant's environment. */
  readonly environ?: Readonly<Record<string, string>>;
  /** The folder in which it starts, from the home on; the home when null or absent. */
  readonly cwd?: string | null;
}

/** A step of a plan. The first `run` with a non-zero status ends the plan with that status. */
export type PlanStep =
  /** Writes a file of the tenant's, and its folder where that is missing. */
  | { readonly do: 'write'; readonly path: string; readonly content: string; readonly executable?: boolean }
  /** Runs a command; `main` marks the user's program itself, which gets standard input, or is asked for. */
  | { readonly do: 'run'; readonly command: TenantCommand; readonly main?: boolean }
  /** Removes files and folders at the end of the plan, whatever its outcome. */
  | { readonly do: 'remove-at-end'; readonly paths: readonly string[] };

/** How something is carried out: steps, or one line for standard error and a status. */
export type Plan =
  | { readonly kind: 'steps'; readonly steps: readonly PlanStep[] }
  | { readonly kind: 'nothing'; readonly exitCode: number; readonly message: string };

/** What a runtime knows when it plans. */
export interface RuntimeContext {
  /** The language's tool in this container: the image's path when it exists, else found on PATH; null = none. */
  readonly tool: string | null;
  readonly home: string;
  /** What the tenant's processes will have as their environment, before the runtime's own variables. */
  readonly environ: Readonly<Record<string, string>>;
  /** Folder of the interpreter drivers: `drivers/` of the runner volume. */
  readonly drivers: string;
  /** The Node of the runner volume (the runner's own executable). */
  readonly volumeNode: string;
  /** The volume's static POSIX shell, for scripts of plans; it works in an image without one. */
  readonly volumeShell: string;
  /** A path for a temporary file in the home, unused, with this ending (`.c`). */
  temporaryPath(ending: string): string;
  /** A program of the image by its path, or by its name on the PATH; null when it is not there. */
  which(program: string): string | null;
  /** The folders of the image that a path with one `*` as a part's end names, sorted. */
  folders(pattern: string): readonly string[];
}

/** A process that answers queries and keeps state between them; it speaks `driver-protocol.ts` on descriptor 3. */
export interface DriverCommand extends TenantCommand {}

/** How the programs of one type are built and run. */
export interface Runtime {
  /** A type of the table of runtimes. */
  readonly type: string;
  /** Names or paths of its tool, best first, for images that don't name one; a path may have a `*` as a folder's end. */
  readonly tools: readonly string[];
  /** Variables of all its processes. */
  environ(context: RuntimeContext): Readonly<Record<string, string>>;
  /** A program of the image that its kernels start with, where it is there; it runs beside everything else. */
  readonly starter?: string;
  /** What `*` means for the three steps of a batch run. */
  clean(context: RuntimeContext): Plan;
  build(context: RuntimeContext): Plan;
  exec(context: RuntimeContext): Plan;
  /** Like the language's own command line. */
  program(source: ProgramSource, args: readonly string[], context: RuntimeContext): Plan;
  /**
   * Queries: by a driver that keeps state, by a plan for each, or by the Jupyter kernel of the image that is chosen so, which
   * keeps state too, and the plan where there is none.
   */
  readonly query:
    | { readonly by: 'driver'; start(context: RuntimeContext): DriverCommand | { readonly unable: string } }
    | { readonly by: 'jupyter'; readonly kernel: KernelChoice; plan(code: string, context: RuntimeContext): Plan }
    | { readonly by: 'plan'; plan(code: string, context: RuntimeContext): Plan };
}

/** Makes the context of a runtime; `namedTool` is the path that the image's label gives. */
export function runtimeContext(
  runtime: Runtime,
  options: {
    readonly namedTool: string | null;
    readonly home: string;
    readonly environ: Readonly<Record<string, string>>;
  },
): RuntimeContext {
  const { namedTool, home, environ } = options;
  const which = (program: string): string | null => findProgram(program, environ['PATH'] ?? '');
  const tool = namedTool !== null && isProgram(namedTool) ? namedTool : firstTool(runtime.tools, which);
  return {
    tool,
    home,
    environ,
    drivers: volumePaths.drivers,
    volumeNode: volumePaths.node,
    volumeShell: volumePaths.shell,
    temporaryPath: (ending) => `${home}/.kernelet-${uniquePart()}${ending}`,
    which,
    folders: expand,
  };
}

let lastPart = 0n;

/** Later parts are larger, also those of a runner that is started again in the same home. */
function uniquePart(): string {
  const now = process.hrtime.bigint();
  lastPart = now > lastPart ? now : lastPart + 1n;
  return `${process.pid}-${lastPart.toString(36)}`;
}

/** The path of a program on a search path, or null. */
export function findProgram(program: string, searchPath: string): string | null {
  if (program.includes('/')) return isProgram(program) ? program : null;
  for (const folder of searchPath.split(':')) {
    const path = `${folder}/${program}`;
    if (folder.startsWith('/') && isProgram(path)) return path;
  }
  return null;
}

/** The shell of the image, or the volume's where the image has none. */
export function imageShell(): string {
  return isProgram('/bin/sh') ? '/bin/sh' : volumePaths.shell;
}

/** A shell is never missing: the volume has one. */
function firstTool(tools: readonly string[], which: (program: string) => string | null): string | null {
  for (const name of tools) {
    for (const candidate of name.includes('*') ? expand(name) : [name]) {
      const path = which(candidate);
      if (path !== null) return path;
    }
  }
  return tools.includes('sh') ? volumePaths.shell : null;
}

/** What is there, sorted, for a path in which the name of one folder ends with a `*`. */
function expand(pattern: string): readonly string[] {
  const [, parent = '', start = '', rest = ''] = /^(.*)\/([^/*]*)\*(.*)$/.exec(pattern) ?? [];
  try {
    const names = readdirSync(parent).filter((name) => name.startsWith(start));
    return names
      .sort()
      .map((name) => `${parent}/${name}${rest}`)
      .filter((path) => existsSync(path));
  } catch {
    return [];
  }
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
