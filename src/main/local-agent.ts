/** An agent inside a command's own process, spoken to like a daemon: what `kernelet run` uses when no daemon runs. */
import { existsSync } from 'node:fs';
import type { DefaultAgent } from '../agent/default-agent.ts';
import type { CliIo, LocalAgent, LocalAgentOptions } from '../cli/host.ts';
import { loadSettings } from '../config/load.ts';
import { createApp } from '../http/app.ts';
import { hasCode } from '../lib/errors.ts';
import { createLogger } from '../lib/log.ts';
import { version } from '../lib/version.ts';
import { clearInstances, newInstanceFolder, removeInstance } from './instances.ts';
import { openInstance } from './standalone.ts';

const clearDeadlineMs = 60_000;
/** New folders that another command may take for left-overs before this one gives up. */
const maxFolders = 5;

type InstanceOptions = Omit<Parameters<typeof openInstance>[0], 'folder'>;

/** Starts the agent, after removing what killed commands left. Throws ENGINE_UNAVAILABLE, STATE_UNUSABLE. */
export async function startLocalAgent(options: LocalAgentOptions, io: CliIo): Promise<LocalAgent> {
  const { settings } = await loadSettings({
    flags: { stateDir: options.stateDir },
    forceStandalone: true,
    environ: io.environ,
    workingDir: io.workingDirectory,
  });
  const log = createLogger(settings.logging.level === 'debug' ? 'debug' : 'error');
  await clearInstances({
    settings,
    open: (folder) => openInstance({ settings, folder, log, onProgress: () => {} }),
    log,
    signal: AbortSignal.timeout(clearDeadlineMs),
  });
  const onProgress = (text: string): void => void io.stderr.write(`${text} …\n`);
  const { agent, folder } = await openInNewFolder({ settings, log, onProgress });
  await using cleanups = new AsyncDisposableStack();
  cleanups.defer(async () => {
    await removeInstance(folder).catch((error: unknown) => {
      // The next command finds it and tries again.
      log.warn('the folder of this command could not be removed', { folder, error });
    });
  });
  cleanups.use(agent);
  await agent.start({ retry: false });
  const app = createApp({ agent, version, logger: log });
  const owned = cleanups.move();
  return {
    async fetch(request, signal) {
      return await app.fetch(request, { leaving: signal });
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** Until the new folder is locked, another command may take it for a left-over. */
async function openInNewFolder(
  options: InstanceOptions,
): Promise<{ readonly agent: DefaultAgent; readonly folder: string }> {
  for (let tries = 1; ; tries += 1) {
    const folder = newInstanceFolder(options.settings);
    try {
      return { agent: await openInstance({ ...options, folder }), folder };
    } catch (error) {
      const isTaken = hasCode(error, 'STATE_LOCKED') || !existsSync(folder);
      await removeInstance(folder).catch(() => {});
      if (!isTaken || tries >= maxFolders) throw error;
    }
  }
}
