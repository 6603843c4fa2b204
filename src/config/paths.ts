/** Where state and socket lie when nobody says otherwise. Pure, and free of the schema: every command needs it. */
import { join, resolve } from 'node:path';

/** What the places depend on. */
export interface PathContext {
  readonly uid: number;
  readonly homeDir: string;
  readonly workingDir: string;
  readonly environ: Readonly<Record<string, string | undefined>>;
}

/** The two places. */
export interface DefaultPaths {
  readonly stateDir: string;
  readonly socketPath: string;
}

/** Standalone: root has the system's places, everybody else those of XDG. */
export function standalonePaths(context: PathContext): DefaultPaths {
  if (context.uid === 0) return { stateDir: '/var/lib/kernelet', socketPath: '/run/kernelet/kernelet.sock' };
  const { XDG_STATE_HOME: stateHome, XDG_RUNTIME_DIR: runtimeDir } = context.environ;
  const stateDir = join(absoluteOr(stateHome, join(context.homeDir, '.local', 'state')), 'kernelet');
  const runtime = absoluteOr(runtimeDir, '');
  return {
    stateDir,
    socketPath: runtime === '' ? join(stateDir, 'kernelet.sock') : join(runtime, 'kernelet', 'kernelet.sock'),
  };
}

/** Cluster: below the folders of the `[agent]` section. */
export function clusterPaths(
  agent: { readonly varBasePath: string; readonly ipcBasePath: string },
  context: PathContext,
): DefaultPaths {
  return {
    stateDir: resolve(context.workingDir, agent.varBasePath, 'kernelet'),
    socketPath: resolve(context.workingDir, agent.ipcBasePath, 'kernelet.sock'),
  };
}

/** XDG: a variable that is blank or relative counts as not set. */
function absoluteOr(path: string | undefined, otherwise: string): string {
  return path?.startsWith('/') ? path : otherwise;
}
