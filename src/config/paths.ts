/**
 * Where the configuration file, the state and the socket of the local API lie. Free of the schema, since commands that
 * only talk to a daemon need no more than this.
 */
import { readFile, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { isAtOrBelow } from '../lib/mount-table.ts';
import type { Environ } from './environment.ts';
import { ConfigError } from './problems.ts';
import { isTable, parseToml, type TomlTable } from './toml.ts';

/** Where operators keep configuration files: below the home folder of the user, and below the root. */
export const configFolders = { ofUser: '.config/backend.ai', ofMachine: 'etc/backend.ai' } as const;

/** Where the file of a node that is alone lies, which is called as the program is. */
const ownFile = 'kernelet/kernelet.toml';
/** The one of the whole machine. */
export const machineConfigFile = join('/etc', ownFile);

/** What the paths depend on. */
export interface PathContext {
  readonly uid: number;
  readonly homeDir: string;
  readonly workingDir: string;
  readonly environ: Readonly<Record<string, string | undefined>>;
}

/** The folder of the state and the socket of the local API. */
export interface DefaultPaths {
  readonly stateDir: string;
  readonly socketPath: string;
}

/** Standalone: root has the system's folders, everybody else those of XDG. */
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

/** What decides which file is read. */
export interface DiscoverOptions {
  /** The file named on the command line. */
  readonly flag?: string | undefined;
  readonly environ: Readonly<Record<string, string | undefined>>;
  readonly workingDir: string;
  readonly homeDir: string;
  readonly uid: number;
  /** Whether `./agent.toml`, `./kernelet.toml` and those of build roots above count: only for `serve`. */
  readonly includeWorkingDir: boolean;
}

/**
 * The file to read: the one named by flag, else by `BACKEND_CONFIG_FILE`, else the first that exists of the usual
 * paths, else null. Throws INVALID_CONFIG when a named one is not a file, and when one that was found only because this was started
 * beside it may be somebody else's: it names programs that run as this user.
 */
export async function discoverConfigFile(options: DiscoverOptions): Promise<string | null> {
  const { BACKEND_CONFIG_FILE: fromEnvironment } = options.environ;
  const [named, place] = options.flag
    ? [options.flag, 'command line']
    : [fromEnvironment, 'environment variable BACKEND_CONFIG_FILE'];
  if (named) {
    const path = resolve(options.workingDir, named);
    if (await isFile(path)) return path;
    throw new ConfigError([
      { key: 'configuration file', value: path, place, message: 'is not a file; name one that exists' },
    ]);
  }
  for (const candidate of options.includeWorkingDir ? await nearCandidates(options) : []) {
    if (!(await isFile(candidate))) continue;
    await assertOwn(candidate, options);
    return candidate;
  }
  const usual = [
    ...[join(options.homeDir, configFolders.ofUser), join('/', configFolders.ofMachine)].map((folder) =>
      join(folder, 'agent.toml'),
    ),
    join(options.homeDir, '.config', ownFile),
    machineConfigFile,
  ];
  for (const candidate of usual) if (await isFile(candidate)) return candidate;
  return null;
}

/** Whoever may write in a folder decides what lies there: the file has to be root's, the caller's, or that of the folder's owner. */
async function assertOwn(path: string, { uid, environ }: DiscoverOptions): Promise<void> {
  const [file, folder] = await Promise.all([stat(path), stat(dirname(path))]);
  const { SUDO_UID: invoker = '' } = environ;
  const owners = [0, uid, folder.uid, ...(uid === 0 && invoker !== '' ? [Number(invoker)] : [])];
  const place = 'working folder';
  const problem = { key: 'configuration file', value: path, place };
  const cure = 'name it with --config if it is meant';
  if (!owners.includes(file.uid)) {
    const whose = `is that of the user ${file.uid}, whose the folder is not`;
    throw new ConfigError([{ ...problem, message: `${whose}; ${cure}` }]);
  }
  if ((file.mode & 0o002) !== 0) {
    throw new ConfigError([{ ...problem, message: `can be written by everybody; close it to others, or ${cure}` }]);
  }
}

async function nearCandidates(options: DiscoverOptions): Promise<readonly string[]> {
  const near = [join(options.workingDir, 'agent.toml'), join(options.workingDir, basename(ownFile))];
  let folder = dirname(options.workingDir);
  while (isAtOrBelow(folder, options.homeDir)) {
    if (await exists(join(folder, 'BUILD_ROOT'))) near.push(join(folder, 'agent.toml'));
    if (folder === dirname(folder)) break;
    folder = dirname(folder);
  }
  return near;
}

async function isFile(path: string): Promise<boolean> {
  return (await stat(path).catch(() => null))?.isFile() ?? false;
}

async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => null)) !== null;
}

/** What the path of the socket depends on. */
export interface SocketPathOptions {
  /** The path of `--socket`. */
  readonly flag?: string | undefined;
  readonly environ?: Environ;
  readonly workingDir?: string;
  readonly homeDir?: string;
  readonly uid?: number;
}

/** The path of the daemon's socket: flag > environment > file > default. Throws INVALID_CONFIG for a broken file. */
export async function resolveSocketPath(options: SocketPathOptions = {}): Promise<string> {
  const context = {
    environ: options.environ ?? process.env,
    workingDir: options.workingDir ?? process.cwd(),
    homeDir: options.homeDir ?? homedir(),
    uid: options.uid ?? process.getuid?.() ?? 0,
  };
  const named = options.flag || context.environ['KERNELET_SOCKET'];
  if (named) return resolve(context.workingDir, named);
  const file = await discoverConfigFile({ includeWorkingDir: false, ...context });
  const content = file === null ? {} : parseToml(await readFile(file, 'utf8'), file);
  const fromFile = textOf(content, 'kernelet', 'socket');
  if (fromFile) return resolve(context.workingDir, fromFile);
  if (!isTable(content['etcd'])) return standalonePaths(context).socketPath;
  const ipcBasePath = textOf(content, 'agent', 'ipc-base-path') ?? '/tmp/backend.ai/ipc';
  return clusterPaths({ ipcBasePath, varBasePath: '' }, context).socketPath;
}

function textOf(content: TomlTable, section: string, key: string): string | undefined {
  const table = content[section];
  if (!isTable(table)) return undefined;
  const value = table[key] ?? table[key.replaceAll('-', '_')];
  return typeof value === 'string' ? value : undefined;
}
