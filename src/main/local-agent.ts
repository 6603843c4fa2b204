/** An agent inside a command's own process, spoken to like a daemon: what `kernelet run` uses when no daemon runs. */
import { rm } from 'node:fs/promises';
import type { CliIo, LocalAgent, LocalAgentOptions } from '../cli/host.ts';
import { loadSettings } from '../config/load.ts';
import { createApp } from '../http/app.ts';
import { createLogger } from '../lib/log.ts';
import { buildAgent } from './build-agent.ts';
import { clearInstances, newInstanceFolder } from './instances.ts';
import { version } from './version.ts';

const clearDeadlineMs = 60_000;

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
  const folder = newInstanceFolder(settings);
  await using cleanups = new AsyncDisposableStack();
  cleanups.defer(() => rm(folder, { recursive: true, force: true }));
  const agent = cleanups.use(
    await buildAgent({ settings, stateDir: folder, log, onProgress: (text) => void io.stderr.write(`${text} …\n`) }),
  );
  await agent.start({ retry: false });
  const app = createApp({ agent, version, logger: log });
  const owned = cleanups.move();
  return {
    async fetch(request) {
      return await app.fetch(request);
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
