/** What daemons take on their command lines, and what `config show`, `config validate` and `doctor` load as `serve` would. */
import { resolve } from 'node:path';
import type { ConfigFlags } from '../config/environment.ts';
import type { LoadedSettings } from '../config/settings.ts';
import { logLevels } from '../lib/log.ts';
import type { CommandCall, OptionSpec } from './command.ts';
import type { OptionReader } from './option-reader.ts';

/** The option that names the file. */
export const configOptions: readonly OptionSpec[] = [
  { flags: '-f, --config <file>', help: 'the configuration file' },
  { flags: '--config-path <file>', help: 'the same' },
];

/** The file, and how much is logged. */
export const daemonOptions: readonly OptionSpec[] = [
  ...configOptions,
  { flags: '--debug', help: 'log everything, check more' },
  { flags: '--log-level <level>', help: 'how much to log', choices: logLevels },
];

/** What a daemon's command line says of its settings. Throws UsageError. */
export function daemonFlags(options: OptionReader): ConfigFlags {
  return {
    configFile: namedFile(options),
    debug: options.flag('debug'),
    logLevel: options.choice('log-level', logLevels),
    socket: options.text('socket'),
    stateDir: options.text('state-dir'),
  };
}

const namedFile = (options: OptionReader): string | undefined => options.text('config') ?? options.text('config-path');

/** Loads the settings that `serve` would use here. Throws INVALID_CONFIG. */
export async function loadAsServe({ host: { io }, options }: CommandCall, file?: string): Promise<LoadedSettings> {
  const { loadSettings } = await import('../config/load.ts');
  const named = file ?? namedFile(options);
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
