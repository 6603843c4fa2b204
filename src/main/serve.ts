/** The daemon: one agent, its local API on a socket, until a signal says stop. Kernels outlive it. */
import { rm } from 'node:fs/promises';
import type { Agent } from '../agent/agent.ts';
import type { CliIo, CliSignal, ServeOptions } from '../cli/host.ts';
import { formatHostPort, isLoopback } from '../config/kinds/address.ts';
import { loadSettings } from '../config/load.ts';
import { createApp } from '../http/app.ts';
import { startMetricsServer } from '../http/metrics-server.ts';
import { startApiServer } from '../http/server.ts';
import { writeFileAtomic } from '../lib/atomic-file.ts';
import { sleep, systemClock } from '../lib/clock.ts';
import { KerneletError } from '../lib/errors.ts';
import { createLogger } from '../lib/log.ts';
import { OperationTimes, watchMethods } from '../lib/operation-times.ts';
import { buildAgent } from './build-agent.ts';
import { loosenedWarnings } from './hardening.ts';
import { clearInstances } from './instances.ts';
import { version } from './version.ts';

/** A command may come any time, and the next one soon after it. */
const readyNetworks = 2;

const stopSignals: readonly CliSignal[] = ['SIGINT', 'SIGTERM', 'SIGHUP'];
/** How long a stopping daemon waits for the clearing that goes on: an engine that hangs holds that up. */
const clearPatienceMs = 5_000;

/** Runs the daemon; resolves with the exit status. Throws KerneletError when it cannot start. */
export async function serve(options: ServeOptions, io: CliIo): Promise<number> {
  const stop = Promise.withResolvers<CliSignal>();
  await using cleanups = new AsyncDisposableStack();
  for (const signal of stopSignals) cleanups.use(io.onSignal(signal, () => stop.resolve(signal)));

  const { settings, warnings } = await loadSettings({
    flags: {
      configFile: options.configPath,
      debug: options.debug,
      logLevel: options.logLevel,
      socket: options.socket,
      stateDir: options.stateDir,
    },
    includeWorkingDir: true,
    environ: io.environ,
    workingDir: io.workingDirectory,
  });
  if (settings.mode === 'cluster') {
    throw new KerneletError(
      'NOT_SUPPORTED',
      `${settings.configFile} has an [etcd] section, but this version serves standalone only: remove the section`,
    );
  }
  const log = createLogger(settings.logging.level);
  for (const warning of warnings) log.warn(warning);
  for (const warning of loosenedWarnings(settings)) log.warn(`loosened: ${warning}`);
  const operations = new OperationTimes(systemClock);
  const agent = cleanups.use(
    await buildAgent({
      settings,
      stateDir: settings.stateDir,
      scratchRoot: settings.container.scratchRoot,
      readyNetworks,
      willMakeKernels: true,
      log,
      operations,
      onProgress: (text) => log.info(text),
    }),
  );
  const watched = watchMethods<Agent>(agent, 'agent', operations);
  const { pidFile } = settings.agent;
  if (pidFile !== null) {
    await writeFileAtomic(pidFile, `${process.pid}\n`);
    cleanups.defer(() => rm(pidFile, { force: true }));
  }
  const server = cleanups.use(
    await startApiServer(createApp({ agent: watched, version, logger: log }), settings.socketPath),
  );
  const { listen } = settings.metrics;
  if (listen !== null) {
    const metrics = cleanups.use(await startMetricsServer(agent, listen, log));
    const address = formatHostPort(metrics.address);
    log.info('serving metrics', { address });
    if (!isLoopback(listen.host)) log.warn('metrics.listen: anybody who reaches the address may read', { address });
  }
  log.info('listening', { socket: server.socketPath, stateDir: settings.stateDir, pid: process.pid });

  const failed = agent.start({ retry: true }).then(
    () => new Promise<never>(() => {}),
    (error: unknown) => Promise.reject(error),
  );
  const stopping = new AbortController();
  const cleared = clearInstances({ settings, log, signal: stopping.signal }).catch((error: unknown) => {
    log.warn('what ended commands left could not be looked for', { error });
  });
  try {
    const signal = await Promise.race([stop.promise, failed]);
    log.info('stopping; kernels go on', { signal });
    return 0;
  } finally {
    stopping.abort();
    // What is under way there is undone or finished by the next start.
    await Promise.race([cleared, sleep(systemClock, clearPatienceMs)]);
  }
}
