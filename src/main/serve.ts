/** `kernelet serve`: reads the configuration, chooses the composition root by it, and runs the daemon. */
import type { Agent } from '../agent/agent.ts';
import type { ServedNode } from '../agent/node.ts';
import { daemonStatus } from '../cli/exit-status.ts';
import type { CliIo } from '../cli/host.ts';
import type { ConfigFlags } from '../config/environment.ts';
import { formatHostPort, isLoopback } from '../config/value-types/address.ts';
import { exitOnDefects, runDaemon } from '../daemon/daemon.ts';
import { LiveConfiguration } from '../daemon/live-configuration.ts';
import { DaemonSignals } from '../daemon/signals.ts';
import { createApp } from '../http/app.ts';
import { startMetricsServer } from '../http/metrics-server.ts';
import { listenAt } from '../http/placed-socket.ts';
import { startApiServer } from '../http/server.ts';
import { systemClock } from '../lib/clock.ts';
import { version } from '../lib/installation.ts';
import { createLogger, type Logger } from '../lib/log.ts';
import { OperationTimes, watchMethods } from '../lib/operation-times.ts';
import { StartingNote } from '../lib/starting-note.ts';
import { refusedSettings } from './check-settings.ts';
import { clearInstances } from './local-agent.ts';
import { memberRoot } from './member.ts';
import { openInstance, standaloneRoot } from './standalone.ts';

/** Runs the daemon; resolves with the exit status. Throws KerneletError when it cannot start. */
export async function serve(flags: ConfigFlags, io: CliIo): Promise<number> {
  using cleanups = new DisposableStack();
  const signals = cleanups.use(new DaemonSignals(io));
  const configuration = await LiveConfiguration.read({
    flags,
    includeWorkingDir: true,
    environ: io.environ,
    workingDir: io.workingDirectory,
  });
  const { settings } = configuration.inForce;
  const log = createLogger(settings.logging.level);
  cleanups.use(exitOnDefects(log, daemonStatus.internal));
  const operations = new OperationTimes(systemClock);
  await using starting = new StartingNote(settings.socketPath);
  const onProgress = (text: string): void => {
    log.info(text);
    starting.say(text);
  };
  const opening = { settings, operations, log, onProgress, signal: signals.stop };
  const root =
    settings.mode === 'cluster'
      ? memberRoot({ ...opening, reload: configuration.withCluster.bind(configuration) })
      : standaloneRoot(opening);
  const openAbandoned = (folder: string) => openInstance({ settings, folder, log, onProgress: () => {} });
  await runDaemon({
    configuration,
    signals,
    environ: io.environ,
    operations,
    log,
    root,
    refusedSettings,
    listenAt,
    openInterfaces: async (node) => {
      const interfaces = await openInterfaces(node, operations, log);
      await starting[Symbol.asyncDispose]();
      return interfaces;
    },
    background: (signal) =>
      clearInstances({ settings, open: openAbandoned, log, signal }).catch((error: unknown) => {
        log.warn('folders of ended commands could not be searched for', { error });
      }),
  });
  return 0;
}

/** The local API, and metrics on an address of their own where the settings name one. */
async function openInterfaces(node: ServedNode, operations: OperationTimes, log: Logger): Promise<AsyncDisposable> {
  const { settings, agent, isManaged } = node;
  await using cleanups = new AsyncDisposableStack();
  const watched = watchMethods<Agent>(agent, 'agent', operations);
  const app = createApp({ agent: watched, version, logger: log, managed: isManaged });
  const server = cleanups.use(await startApiServer(app, settings.socketPath, log));
  const { listen } = settings.metrics;
  if (listen !== null) {
    const metrics = cleanups.use(await startMetricsServer(agent, listen, log));
    const address = formatHostPort(metrics.address);
    log.info('serving metrics', { address });
    if (!isLoopback(listen.host)) log.warn('metrics.listen: anybody who reaches the address may read', { address });
  }
  log.info('listening', { socket: server.socketPath, stateDir: settings.stateDir, pid: process.pid });
  return cleanups.move();
}
