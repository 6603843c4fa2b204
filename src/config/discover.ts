/** Which file is read (spec config-and-ops 1.1). */
import { stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { isAtOrBelow } from '../lib/mount-table.ts';
import { ConfigError } from './problems.ts';

/** Where to look. */
export interface DiscoverOptions {
  /** The file named on the command line. */
  readonly flag?: string | undefined;
  readonly environ: Readonly<Record<string, string | undefined>>;
  readonly workingDir: string;
  readonly homeDir: string;
  /** Whether `./agent.toml` and those of build roots above count: only for `serve`. */
  readonly includeWorkingDir: boolean;
}

/**
 * The file to read: the one named by flag, else by `BACKEND_CONFIG_FILE`, else the first that exists of the usual
 * places, else null. Throws INVALID_CONFIG when a named one is not a file.
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
  for (const candidate of await candidates(options)) if (await isFile(candidate)) return candidate;
  return null;
}

async function candidates(options: DiscoverOptions): Promise<readonly string[]> {
  const usual = [join(options.homeDir, '.config', 'backend.ai', 'agent.toml'), '/etc/backend.ai/agent.toml'];
  if (!options.includeWorkingDir) return usual;
  const near = [join(options.workingDir, 'agent.toml')];
  let folder = dirname(options.workingDir);
  while (isAtOrBelow(folder, options.homeDir)) {
    if (await exists(join(folder, 'BUILD_ROOT'))) near.push(join(folder, 'agent.toml'));
    if (folder === dirname(folder)) break;
    folder = dirname(folder);
  }
  return [...near, ...usual];
}

async function isFile(path: string): Promise<boolean> {
  return (await stat(path).catch(() => null))?.isFile() ?? false;
}

async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => null)) !== null;
}
