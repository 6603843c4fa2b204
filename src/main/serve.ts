/** The daemon: one agent, its local API on a socket, until a signal says stop. Kernels outlive it. */
import path from 'node:path';
import type { Agent } from '../agent/agent.ts';
import type { AssembleNode } from '../agent/assembled-node.ts';
import { endKernels } from '../agent/end-kernels.ts';
import type { ServedNode } from '../agent/served-node.ts';
import type { JoinOptions } from '../backendai/membership/joining.ts';
import type { CliIo, ServeOptions } from '../cli/host.ts';
import type { LoadOptions } from '../config/load.ts';
import type { Settings } from '../config/settings.ts';
import { formatHostPort, isLoopback } from '../config/value-types/address.ts';
import { createApp } from '../http/app.ts';
import { startMetricsServer } from '../http/metrics-server.ts';
import { startApiServer } from '../http/server.ts';
import { sleep, systemClock } from '../lib/clock.ts';
import { KerneletError } from '../lib/errors.ts';
import { createLogger, type Logger } from '../lib/log.ts';
import { OperationTimes, watchMethods } from '../lib/operation-times.ts';
import { version } from '../lib/version.ts';
import { buildAgent } from './build-agent.ts';
import { refusedSettings } from './check-settings.ts';
import { DaemonSignals, StopSignal } from './daemon/daemon-signals.ts';
import { endOnDefects } from './daemon/defects.ts';
import { LiveConfiguration } from './daemon/live-configuration.ts';
import { claimPidFile } from './daemon/pid-file.ts';
import { Reloading } from './daemon/reloading.ts';
import { type ServiceManager, serviceManagerOf } from './daemon/service-manager.ts';
import { serveSnapshots } from './daemon/snapshot-socket.ts';
import { snapshotsOf } from './daemon/snapshots.ts';
import { stateSnapshot } from './daemon/state-snapshot.ts';
import { loosenedWarnings } from './hardening.ts';
import { clearInstances } from './instances.ts';

/** A command may come any time, and the next one soon after it. */
const readyNetworks = 2;

/** How long a stopping daemon waits for the clearing that goes on: an engine that hangs holds that up. */
const clearPatienceMs = 5_000;

/** Runs the daemon; resolves with the exit status. Throws KerneletError when it cannot start. */
export async function serve(options: ServeOptions, io: CliIo): Promise<number> {
  await using cleanups = new AsyncDisposableStack();
  const signals = cleanups.use(new DaemonSignals(io));
  const { stop } = signals;

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
  const configuration = await LiveConfiguration.read(loadOptions);
  const { settings: own, warnings } = configuration.inForce;
  const log = createLogger(own.logging.level);
  cleanups.use(endOnDefects(log));
  for (const warning of warnings) log.warn(warning);
  for (const warning of loosenedWarnings(own)) log.warn(`loosened: ${warning}`);
  const [refused, ...alsoRefused] = await refusedSettings(own);
  for (const error of alsoRefused) log.error(error.message);
  if (refused) throw refused;
  const manager = await serviceManagerOf(io.environ, { clock: systemClock, log });
  if (manager) cleanups.use(manager);
  if (stop.aborted) manager?.stopping();
  else stop.addEventListener('abort', () => manager?.stopping(), { once: true });
  const reloading = new Reloading(configuration, log, manager);
  signals.on('SIGHUP', () => reloading.request());
  const operations = new OperationTimes(systemClock);
  let served: ServedNode | null = null;
  const sources = () => ({ configuration: configuration.inForce, operations, node: served, clock: systemClock });
  const snapshots = snapshotsOf(own, sources, log);
  signals.on('SIGUSR2', () => snapshots.request());
  const building = { settings: own, operations, log, signal: stop };
  try {
    if (own.agent.pidFile !== null) cleanups.use(await claimPidFile(own.agent.pidFile));
    const reload = configuration.withCluster.bind(configuration);
    const node = cleanups.use(
      own.mode === 'cluster' ? await joinCluster({ ...building, reload }) : await standAlone(building),
    );
    served = node;
    reloading.tell(node);
    if (own.mode === 'cluster') {
      const place = path.join(node.settings.agent.ipcBasePath, 'agent-registry-snapshot.sock');
      cleanups.use(await serveSnapshots(place, () => stateSnapshot(sources()), log));
    }
    await serveNode(node, { operations, log, stop, cleanups, manager });
  } catch (error) {
    if (!(error instanceof StopSignal)) {
      manager?.failed(error);
      throw error;
    }
    log.info(own.agent.destroyKernelsOnShutdown ? 'stopping; kernels end too' : 'stopping; kernels go on', {
      signal: error.signal,
    });
  }
  return 0;
}

interface Building {
  readonly settings: Settings;
  readonly operations: OperationTimes;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

/** What a cluster needs is loaded by its members alone. */
async function joinCluster(building: Building & Pick<JoinOptions, 'reload'>): Promise<ServedNode> {
  const { buildClusterNode } = await import('../backendai/membership/cluster-node.ts');
  const assemble: AssembleNode = async (settings, state, adapter) => {
    const { backend } = settings.agent;
    if (backend !== 'docker') {
      const text = `agent.backend: this version serves docker alone, not ${backend}`;
      throw new KerneletError('NOT_SUPPORTED', text, { context: { key: 'agent.backend' } });
    }
    return await buildAgent({ ...inDaemon({ ...building, settings }), state, adapter });
  };
  return await buildClusterNode({ ...building, assemble });
}

/** What is the same for every node that a daemon serves. */
const inDaemon = ({ settings, operations, log }: Building) => ({
  settings,
  stateDir: settings.stateDir,
  scratchRoot: settings.container.scratchRoot,
  readyNetworks,
  willMakeKernels: true,
  operations,
  log,
  onProgress: (text: string) => log.info(text),
});

async function standAlone(building: Building): Promise<ServedNode> {
  const { settings, log, signal: stop } = building;
  const { agent, engine } = await buildAgent(inDaemon(building));
  return {
    settings,
    agent,
    dependencies: { 'container-engine': (signal) => engine.ping(signal) },
    run: () => agent.start({ retry: true }),
    adopt: async () => [],
    [Symbol.asyncDispose]: async () => {
      if (settings.agent.destroyKernelsOnShutdown) await endKernels(agent, { stop, clock: systemClock, log });
      await agent[Symbol.asyncDispose]();
    },
  };
}

interface Serving {
  readonly operations: OperationTimes;
  readonly log: Logger;
  readonly stop: AbortSignal;
  readonly cleanups: AsyncDisposableStack;
  readonly manager: ServiceManager | null;
}

/** Serves until the signal aborts, whose reason is thrown. */
async function serveNode(node: ServedNode, { operations, log, stop, cleanups, manager }: Serving): Promise<never> {
  const { settings, agent } = node;
  const watched = watchMethods<Agent>(agent, 'agent', operations);
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
  manager?.ready(node);

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
