/**
 * The watcher (spec config-and-ops 18): a daemon beside the agent by which a manager starts and stops it, and mounts volumes.
 * It has a process of its own, since it is what is there when the agent is not.
 */
import path from 'node:path';
import type { Settings } from '../../config/settings.ts';
import { formatHostPort, isLoopback } from '../../config/value-types/address.ts';
import { systemClock } from '../../lib/clock.ts';
import { KerneletError } from '../../lib/errors.ts';
import { installationRoot, version } from '../../lib/installation.ts';
import type { Logger } from '../../lib/log.ts';
import { letProgramPagesGo } from '../../lib/program-pages.ts';
import { runPeriodically } from '../../lib/retry.ts';
import { FileSystems } from '../../storage/file-systems/file-systems.ts';
import { machineTable, VolumeMounts } from '../../storage/mounts/volume-mounts.ts';
import { openEtcd, readPem } from '../etcd/etcd-adapter.ts';
import { Access } from './access.ts';
import type { AgentControl } from './agent-control.ts';
import { lockHolder, startProcess } from './agent-process.ts';
import { agentRoutes } from './agent-routes.ts';
import { AgentUnit } from './agent-unit.ts';
import { openClusterKeys } from './cluster-keys.ts';
import { mountRoutes } from './mount-routes.ts';
import type { Route } from './route.ts';
import { runAsRoot } from './run-as-root.ts';
import { SupervisedAgent } from './supervised-agent.ts';
import { Systemctl } from './systemctl.ts';
import { WatcherFigures } from './watcher-figures.ts';
import { startWatcherServer } from './watcher-server.ts';

export interface WatcherOptions {
  readonly settings: Settings;
  /** Arguments by which an agent goes by the same configuration. */
  readonly agentArguments: readonly string[];
  readonly log: Logger;
  /** Aborts when somebody asks for a stop. */
  readonly signal: AbortSignal;
}

/** A manager waits meanwhile, for 5 s at most. */
const fileMs = 4_000;
const figureMs = 3_000;
const memoryPauseMs = 5_000;
const smallBytes = 42 * 2 ** 20;
const startMs = 60_000;

/** Serves until the signal aborts, and ends then, with its reason or without. Throws INVALID_CONFIG, STATE_UNUSABLE. */
export async function runWatcher(options: WatcherOptions): Promise<void> {
  const { settings, log, signal } = options;
  const { watcher, agent: node } = settings;
  if (settings.etcd === null) {
    throw new KerneletError(
      'INVALID_CONFIG',
      'the watcher is for members of a cluster: the file has no [etcd] section',
    );
  }
  const tls = await readTls(watcher);
  const clock = systemClock;
  await using cleanups = new AsyncDisposableStack();
  const identity = { agentId: node.id ?? '', scalingGroup: node.scalingGroup };
  const etcd = cleanups.use(await openEtcd(settings.etcd, identity, { clock, log }));
  const systemctl = new Systemctl(runAsRoot);
  const agent = cleanups.use(openAgent(options, systemctl));
  const keys = await openClusterKeys(etcd, log, signal);
  const files = cleanups.use(new FileSystems({ clock, log, timeoutMs: fileMs }));
  const volumes = new VolumeMounts(settings.volumeFileSystems, files, async (program, args, timeoutMs) => {
    const { exitCode, stderr } = await runAsRoot(program, args, timeoutMs);
    return { status: exitCode, stderr };
  });
  const figures = new WatcherFigures();
  const server = await startWatcherServer({
    address: watcher.serviceAddress,
    tls,
    keys,
    allowsInsecureToken: watcher.allowsInsecureToken,
    access: new Access(clock),
    routes: [
      ...agentRoutes({ agent, systemctl, run: runAsRoot, softResetAvailable: watcher.softResetAvailable, clock, log }),
      ...mountRoutes({ keys, files, volumes, table: machineTable, clock }),
      figures.route({ agent: () => agent.status(figureMs), hung: () => files.hung }),
      healthRoute,
    ],
    figures,
    clock,
    log,
  });
  cleanups.use(server);
  log.info('the watcher is listening', { address: formatHostPort(server.address), pid: process.pid });
  if (tls === null && !isLoopback(server.address.host)) {
    log.warn(
      'whoever sees the requests to the watcher sees its token: keep its address to the network of the managers',
    );
  }
  keepMemorySmall();
  const job = { name: 'keeping the memory small', pauseMs: memoryPauseMs, round: async () => keepMemorySmall() };
  await runPeriodically(job, clock, log, signal);
}

/** It waits most of the time, and what it has used for a request would stay: 10 MB of it. */
function keepMemorySmall(): void {
  if (process.memoryUsage.rss() <= smallBytes) return;
  globalThis.gc?.({ type: 'major', flavor: 'last-resort' });
  letProgramPagesGo();
}

const healthRoute: Route = {
  method: 'GET',
  path: '/healthz',
  isAct: false,
  isJson: true,
  handle: async () => ({ status: 200, body: { status: 'ok', version, uptimeS: Math.round(process.uptime()) } }),
};

/** Throws INVALID_CONFIG. */
async function readTls({ tlsEnabled, certificateFile, keyFile }: Settings['watcher']) {
  if (!tlsEnabled) return null;
  const [certificate, key] = await Promise.all([
    readPem('watcher.ssl-cert', certificateFile),
    readPem('watcher.ssl-key', keyFile),
  ]);
  if (certificate !== null && key !== null) return { certificate, key };
  const missing = certificate === null ? 'watcher.ssl-cert' : 'watcher.ssl-key';
  throw new KerneletError('INVALID_CONFIG', `${missing} is missing, which watcher.ssl-enabled needs`);
}

function openAgent({ settings, agentArguments, log }: WatcherOptions, systemctl: Systemctl): AgentControl {
  const { watcher, socketPath, stateDir } = settings;
  if (!watcher.supervises) return new AgentUnit(watcher.targetService, systemctl);
  const program = path.join(installationRoot(), 'bin', 'kernelet');
  const agent = new SupervisedAgent({
    start: () => startProcess([program, 'serve', ...agentArguments]),
    find: () => lockHolder(stateDir, systemClock),
    socketPath,
    clock: systemClock,
    log,
  });
  agent.start(startMs).catch((error: unknown) => log.warn('the agent does not answer yet', { error }));
  return agent;
}
