/** What a runtime knows when it plans, found out in this container. */
import { accessSync, constants, statSync } from 'node:fs';
import type { Runtime, RuntimeContext } from './runtime.ts';
import { volumePaths } from './volume-paths.ts';

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
    const path = which(name);
    if (path !== null) return path;
  }
  return tools.includes('sh') ? volumePaths.shell : null;
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
