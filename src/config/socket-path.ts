/**
 * Where the local API listens, for commands that only talk to a daemon: the same answer as the full settings give, at
 * the cost of reading one small file.
 */
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { resolve } from 'node:path';
import { discoverConfigFile } from './discover.ts';
import type { Environ } from './environment.ts';
import { clusterPaths, standalonePaths } from './paths.ts';
import { isTable, parseToml, type TomlTable } from './toml.ts';

/** What the place depends on. */
export interface SocketPathOptions {
  /** `--socket`. */
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
