/**
 * Finds and reads `mock-accelerator.toml` (spec resources-and-stats 15.1): like the daemon's own configuration. It is read
 * again whenever devices are looked for, so that pretended ones can come and go too.
 */

import { access, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { configFolders } from '../config/paths.ts';
import { parseToml } from '../config/toml.ts';
import { KerneletError } from '../lib/errors.ts';
import { readMockConfig } from './mock-config.ts';
import { mockPlugin } from './mock-plugin.ts';
import { inProcess, type NodePlugin } from './node-plugin.ts';
import type { PluginSource } from './plugin-source.ts';
import { readOperatorShares } from './share-options.ts';

/** Where to look from. */
export interface MockPlaces {
  readonly workingDir: string;
  readonly homeDir: string;
  readonly root?: string;
}

const name = 'mock-accelerator.toml';
const marker = 'BUILD_ROOT';
const maxLevels = 64;

/**
 * The source of the plugin. `options` are tables by plugin name: that of `mock`, else that of the slot it pretends to be.
 * A look throws INVALID_CONFIG when there is no file, or when it is wrong.
 */
export function mockSource(
  places: MockPlaces,
  options: Readonly<Record<string, Readonly<Record<string, string>>>>,
  agentVersion: string,
): PluginSource {
  let last: { readonly text: string; readonly plugin: NodePlugin } | null = null;
  return {
    name: 'mock',
    async look() {
      const path = await findMockFile(places);
      const text = await readFile(path, 'utf8');
      if (last?.text === text) return last.plugin;
      const config = readMockConfig(parseToml(text, path));
      const share = readOperatorShares(config.slotName, options['mock'] ?? options[config.slotName] ?? {});
      last = { text, plugin: inProcess(mockPlugin(config, share, { agentVersion }), agentVersion) };
      return last.plugin;
    },
  };
}

/** The working folder, folders above it within the home folder that have a marker, then those of the user and machine. */
async function findMockFile({ workingDir, homeDir, root = '/' }: MockPlaces): Promise<string> {
  const above: string[] = [];
  let folder = dirname(workingDir);
  for (let level = 0; level < maxLevels && folder !== homeDir && folder.startsWith(`${homeDir}/`); level += 1) {
    if (await exists(join(folder, marker))) above.push(folder);
    folder = dirname(folder);
  }
  const folders = [workingDir, ...above, join(homeDir, configFolders.ofUser), join(root, configFolders.ofMachine)];
  for (const one of folders) if (await exists(join(one, name))) return join(one, name);
  throw new KerneletError('INVALID_CONFIG', `there is no ${name} in ${folders.join(', ')}`);
}

const exists = async (path: string): Promise<boolean> => {
  try {
    await access(path);
    return true;
  } catch {
    return false;
  }
};
