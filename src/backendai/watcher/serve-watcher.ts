/** `kernelet watcher`: reads the agent's configuration and serves by it. */
import type { ConfigFlags } from '../../config/environment.ts';
import { loadSettings } from '../../config/load.ts';
import { createLogger } from '../../lib/log.ts';
import { runWatcher } from './watcher.ts';

export interface ServeWatcherOptions {
  readonly flags: ConfigFlags;
  readonly environ: Readonly<Record<string, string | undefined>>;
  readonly workingDir: string;
  readonly signal: AbortSignal;
}

/** Serves until the signal aborts. Throws INVALID_CONFIG, STATE_UNUSABLE, ETCD_REFUSED. */
export async function serveWatcher({ flags, environ, workingDir, signal }: ServeWatcherOptions): Promise<void> {
  const { settings, warnings } = await loadSettings({ flags, includeWorkingDir: true, environ, workingDir });
  const log = createLogger(settings.logging.level).child({ daemon: 'watcher' });
  for (const warning of warnings) log.warn(warning);
  try {
    await runWatcher({ settings, agentArguments: argumentsOf(flags, settings.configFile), log, signal });
  } catch (error) {
    if (!signal.aborted) throw error;
  }
  log.info('the watcher has stopped');
}

/** The arguments by which an agent goes by the same configuration. Pure. */
export function argumentsOf(flags: ConfigFlags, configFile: string | null): readonly string[] {
  const option = (name: string, value: string | null | undefined): readonly string[] =>
    value === null || value === undefined ? [] : [name, value];
  return [
    ...option('--config', configFile),
    ...option('--log-level', flags.logLevel),
    ...(flags.debug ? ['--debug'] : []),
    ...option('--socket', flags.socket),
    ...option('--state-dir', flags.stateDir),
  ];
}
