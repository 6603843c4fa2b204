/** An agent inside a command's own process, spoken to like a daemon: what `kernelet run` uses when no daemon runs. */
import { existsSync } from 'node:fs';
import type { NodeAgent } from '../agent/node-agent.ts';
import type { CliIo, LocalAgent, LocalAgentOptions } from '../cli/host.ts';
import { loadSettings } from '../config/load.ts';
import { createApp } from '../http/app.ts';
import { systemClock } from '../lib/clock.ts';
import { hasCode } from '../lib/errors.ts';
import { createLogger } from '../lib/log.ts';
import { OperationTimes } from '../lib/operation-times.ts';
import { version } from '../lib/version.ts';
import { type BuildAgentOptions, buildAgent } from './build-agent.ts';
import { clearInstances, newInstanceFolder, removeInstance } from './instances.ts';

const clearDeadlineMs = 60_000;
/** New folders that another command may take for left-overs before this one gives up. */
const maxFolders = 5;

/** Starts the agent, after removing what killed commands left. Throws ENGINE_UNAVAILABLE, STATE_UNUSABLE. */
export async function startLocalAgent(options: LocalAgentOptions, io: CliIo): Promise<LocalAgent> {
  const { settings } = await loadSettings({
    flags: { stateDir: options.stateDir },
    forceStandalone: true,
    environ: io.environ,
    workingDir: io.workingDirectory,
  });
  const log = createLogger(settings.logging.level === 'debug' ? 'debug' : 'error');
  await clearInstances({ settings, log, signal: AbortSignal.timeout(clearDeadlineMs) });
  const { agent, folder } = await buildInstance({
    settings,
    // It makes one kernel and ends.
    readyNetworks: 0,
    operations: new OperationTimes(systemClock),
    // Most commands without a daemon make none.
    willMakeKernels: false,
    log,
    onProgress: (text) => void io.stderr.write(`${text} …\n`),
  });
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

/** An agent in a folder of its own. Until the folder is locked, another command may take it for a left-over. */
async function buildInstance(
  options: Omit<BuildAgentOptions, 'stateDir'>,
): Promise<{ readonly agent: NodeAgent; readonly folder: string }> {
  for (let tries = 1; ; tries += 1) {
    const folder = newInstanceFolder(options.settings);
    try {
      const { agent } = await buildAgent({ ...options, stateDir: folder });
      return { agent, folder };
    } catch (error) {
      const taken = hasCode(error, 'STATE_LOCKED') || !existsSync(folder);
      await removeInstance(folder).catch(() => {});
      if (!taken || tries >= maxFolders) throw error;
    }
  }
}
