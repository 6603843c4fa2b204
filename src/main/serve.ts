/** The daemon: one agent, its local API on a socket, until a signal says stop. Kernels outlive it. */
import { rm } from 'node:fs/promises';
import type { Agent } from '../agent/agent.ts';
import type { CliIo, CliSignal, ServeOptions } from '../cli/host.ts';
import type { ClusterOverrides } from '../config/cluster-overrides.ts';
import { formatHostPort, isLoopback } from '../config/kinds/address.ts';
import { type LoadOptions, loadSettings } from '../config/load.ts';
import type { Settings } from '../config/settings.ts';
import { createApp } from '../http/app.ts';
import { startMetricsServer } from '../http/metrics-server.ts';
import { startApiServer } from '../http/server.ts';
import { writeFileAtomic } from '../lib/atomic-file.ts';
import { sleep, systemClock } from '../lib/clock.ts';
import { createLogger, type Logger } from '../lib/log.ts';
import { OperationTimes, watchMethods } from '../lib/operation-times.ts';
import { buildAgent } from './build-agent.ts';
import type { buildClusterNode } from './cluster/cluster-node.ts';
import { loosenedWarnings } from './hardening.ts';
import { clearInstances } from './instances.ts';
import type { ServedNode } from './served-node.ts';
import { version } from './version.ts';

/** A command may come any time, and the next one soon after it. */
const readyNetworks = 2;

const stopSignals: readonly CliSignal[] = ['SIGINT', 'SIGTERM', 'SIGHUP'];
/** How long a stopping daemon waits for the clearing that goes on: an engine that hangs holds that up. */
const clearPatienceMs = 5_000;

/** Runs the daemon; resolves with the exit status. Throws KerneletError when it cannot start. */
export async function serve(options: ServeOptions, io: CliIo): Promise<number> {
  const stop = new AbortController();
  await using cleanups = new AsyncDisposableStack();
  for (const signal of stopSignals) cleanups.use(io.onSignal(signal, () => stop.abort(new StopSignal(signal))));

  const loadOptions: LoadOptions = {
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
  };
  const { settings: own, warnings } = await loadSettings(loadOptions);
  const log = createLogger(own.logging.level);
  for (const warning of warnings) log.warn(warning);
  for (const warning of loosenedWarnings(own)) log.warn(`loosened: ${warning}`);
  const operations = new OperationTimes(systemClock);
  const building = { settings: own, operations, log, signal: stop.signal };
  try {
    const reload = async (cluster: ClusterOverrides) => {
      const { settings, warnings: all } = await loadSettings({ ...loadOptions, cluster });
      return { settings, warnings: all.filter((warning) => !warnings.includes(warning)) };
    };
    const node = cleanups.use(
      own.mode === 'cluster' ? await joinCluster({ ...building, reload }) : await standAlone(building),
    );
    await serveNode(node, { operations, log, stop: stop.signal, cleanups });
  } catch (error) {
    if (!(error instanceof StopSignal)) throw error;
    log.info('stopping; kernels go on', { signal: error.signal });
  }
  return 0;
}

/** Why the daemon ends. */
class StopSignal extends Error {
  override readonly name = 'StopSignal';
  readonly signal: CliSignal;

  constructor(signal: CliSignal) {
    super(`stopped by ${signal}`);
    this.signal = signal;
  }
}

interface Building {
  readonly settings: Settings;
  readonly operations: OperationTimes;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

/** What a cluster needs is loaded by its members alone. */
async function joinCluster(building: Parameters<typeof buildClusterNode>[0]): Promise<ServedNode> {
  const { buildClusterNode } = await import('./cluster/cluster-node.ts');
  return await buildClusterNode(building);
}

async function standAlone({ settings, operations, log }: Building): Promise<ServedNode> {
  const { agent } = await buildAgent({
    settings,
    stateDir: settings.stateDir,
    scratchRoot: settings.container.scratchRoot,
    readyNetworks,
    willMakeKernels: true,
    log,
    operations,
    onProgress: (text) => log.info(text),
  });
  return {
    settings,
    agent,
    run: () => agent.start({ retry: true }),
    [Symbol.asyncDispose]: () => agent[Symbol.asyncDispose](),
  };
}

interface Serving {
  readonly operations: OperationTimes;
  readonly log: Logger;
  readonly stop: AbortSignal;
  readonly cleanups: AsyncDisposableStack;
}

/** Serves until the signal aborts, whose reason is thrown. */
async function serveNode(node: ServedNode, { operations, log, stop, cleanups }: Serving): Promise<never> {
  const { settings, agent } = node;
  const watched = watchMethods<Agent>(agent, 'agent', operations);
  const { pidFile } = settings.agent;
  if (pidFile !== null) {
    await writeFileAtomic(pidFile, `${process.pid}\n`);
    cleanups.defer(() => rm(pidFile, { force: true }));
  }
  const server = cleanups.use(
    await startApiServer(
      createApp({ agent: watched, version, logger: log, managed: settings.mode === 'cluster' }),
      settings.socketPath,
    ),
  );
  const { listen } = settings.metrics;
  if (listen !== null) {
    const metrics = cleanups.use(await startMetricsServer(agent, listen, log));
    const address = formatHostPort(metrics.address);
    log.info('serving metrics', { address });
    if (!isLoopback(listen.host)) log.warn('metrics.listen: anybody who reaches the address may read', { address });
  }
  log.info('listening', { socket: server.socketPath, stateDir: settings.stateDir, pid: process.pid });

  const clearing = new AbortController();
  const cleared = clearInstances({ settings, log, signal: clearing.signal }).catch((error: unknown) => {
    log.warn('what ended commands left could not be looked for', { error });
  });
  const ended = new Promise<never>((_, reject) => {
    // A node that cannot go on ends the daemon; one that has begun does not.
    node.run().catch(reject);
    if (stop.aborted) reject(stop.reason);
    else stop.addEventListener('abort', () => reject(stop.reason), { once: true });
  });
  try {
    return await ended;
  } finally {
    clearing.abort();
    // What is under way there is undone or finished by the next start.
    await Promise.race([cleared, sleep(systemClock, clearPatienceMs)]);
  }
}
