/** What `config show`, `config validate` and `doctor` have in common: loading the settings as `serve` would. */
import { resolve } from 'node:path';
import type { LoadedSettings } from '../config/settings.ts';
import type { CommandCall, OptionSpec } from './command.ts';

/** The option that names the file. */
export const configOptions: readonly OptionSpec[] = [
  { flags: '-f, --config <file>', help: 'the configuration file' },
  { flags: '--config-path <file>', help: 'the same' },
];

/** Loads the settings that `serve` would use here. Throws INVALID_CONFIG. */
export async function loadAsServe({ host: { io }, options }: CommandCall, file?: string): Promise<LoadedSettings> {
  const { loadSettings } = await import('../config/load.ts');
  const named = file ?? options.text('config') ?? options.text('config-path');
  return await loadSettings({
    flags: {
      configFile: named === undefined ? undefined : resolve(io.workingDirectory, named),
      stateDir: options.text('state-dir'),
      socket: options.text('socket'),
    },
    includeWorkingDir: true,
    environ: io.environ,
    workingDir: io.workingDirectory,
    homeDir: io.homeDirectory,
    uid: io.userId,
  });
}
