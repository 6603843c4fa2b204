/** A daemon's life: one node, served until a signal says stop. Kernels outlive it. */
import { addAbortListener } from 'node:events';
import type { ServedNode } from '../agent/node.ts';
import type { Settings } from '../config/settings.ts';
import { sleep, systemClock } from '../lib/clock.ts';
import { raceWithSignal } from '../lib/deadline.ts';
import type { AdjustableLogger, Logger } from '../lib/log.ts';
import type { OperationTimes } from '../lib/operation-times.ts';
import { type LiveConfiguration, Reloading } from './live-configuration.ts';
import { claimPidFile } from './pid-file.ts';
import { type DaemonSignals, StopSignal } from './signals.ts';
import { serveSnapshots, snapshotsOf, stateSnapshot } from './state-snapshot.ts';
import { serviceManagerOf } from './systemd.ts';

/** What a node is opened with. */
export interface RootOptions {
  /** Of this node's own file, environment and flags. */
  readonly settings: Settings;
  readonly operations: OperationTimes;
  readonly log: Logger;
  /** Told what takes long before the node is served. */
  readonly onProgress: (text: string) => void;
  /** Aborts when somebody asks for a stop; it ends a wait for services that are not there. */
  readonly signal: AbortSignal;
}

/** A composition root: how the daemon comes by its node. */
export interface DaemonRoot {
  /** Where a snapshot of the state is written on request. */
  readonly snapshotFolder: string;
  /** One sentence for each setting that makes kernels less confined than by default. */
  readonly loosened: readonly string[];
  /** Throws KerneletError, and the signal's reason. */
  open(): Promise<ServedNode>;
}

/** What a daemon is made of. */
export interface DaemonOptions {
  readonly configuration: LiveConfiguration;
  readonly signals: DaemonSignals;
  readonly environ: Readonly<Record<string, string | undefined>>;
  readonly operations: OperationTimes;
  readonly log: AdjustableLogger;
  readonly root: DaemonRoot;
  /** What is refused of the settings beside their form. */
  readonly refusedSettings: (settings: Settings) => Promise<readonly Error[]>;
  /** Makes a server listen in the file system; see `listenAt`. */
  readonly listenAt: Parameters<typeof serveSnapshots>[1]['listenAt'];
  /** Opens the interfaces through which the node is asked for something; they are closed before the node. */
  readonly openInterfaces: (node: ServedNode) => Promise<AsyncDisposable>;
  /** Work beside the service, which is left to the next start when the signal aborts. Never rejects. */
  readonly background: (signal: AbortSignal) => Promise<void>;
}

/** How long a stopping daemon waits for the work beside: an engine that hangs holds that up. */
const backgroundGraceMs = 5_000;

/** Runs until a stop is asked for. Throws KerneletError when it cannot start or go on. */
export async function runDaemon(options: DaemonOptions): Promise<void> {
  const { configuration, signals, operations, log, root } = options;
  const { stop } = signals;
  const { settings: own, warnings } = configuration.inForce;
  await using cleanups = new AsyncDisposableStack();
  for (const warning of warnings) log.warn(warning);
  for (const warning of root.loosened) log.warn(`loosened: ${warning}`);
  const [refused, ...alsoRefused] = await options.refusedSettings(own);
  for (const error of alsoRefused) log.error(error.message);
  if (refused) throw refused;
  const serviceManager = await serviceManagerOf(options.environ, { clock: systemClock, log });
  if (serviceManager) cleanups.use(serviceManager);
  cleanups.use(addAbortListener(stop, () => serviceManager?.stopping()));
  const reloading = new Reloading(configuration, log, serviceManager);
  signals.on('SIGHUP', () => reloading.request());
  let served: ServedNode | null = null;
  const sources = () => ({ configuration: configuration.inForce, operations, node: served, clock: systemClock });
  const snapshots = snapshotsOf(root.snapshotFolder, sources, log);
  signals.on('SIGUSR2', () => snapshots.request());
  try {
    if (own.agent.pidFile !== null) cleanups.use(await claimPidFile(own.agent.pidFile));
    const node = cleanups.use(await root.open());
    served = node;
    reloading.setNode(node);
    const { snapshotSocket } = node;
    if (snapshotSocket !== null) {
      const take = () => stateSnapshot(sources());
      cleanups.use(await serveSnapshots(snapshotSocket, { take, listenAt: options.listenAt, log }));
    }
    cleanups.use(await options.openInterfaces(node));
    serviceManager?.ready(node);
    await serveUntil(stop, node, options.background);
  } catch (error) {
    if (!(error instanceof StopSignal)) {
      serviceManager?.failed(error);
      throw error;
    }
    log.info(own.agent.destroyKernelsOnShutdown ? 'stopping; kernels end too' : 'stopping; kernels go on', {
      signal: error.signal,
    });
  }
}

/** Serves until the signal aborts, whose reason is thrown. */
async function serveUntil(
  stop: AbortSignal,
  node: ServedNode,
  background: DaemonOptions['background'],
): Promise<never> {
  const ending = new AbortController();
  const finished = background(ending.signal);
  // A node that cannot go on ends the daemon; one that has begun does not.
  const failed = node.run().then(() => Promise.withResolvers<never>().promise);
  try {
    return await raceWithSignal(failed, stop);
  } finally {
    ending.abort();
    await Promise.race([finished, sleep(systemClock, backgroundGraceMs)]);
  }
}

/**
 * What nothing has caught ends the daemon with this status (spec config-and-ops 11.2), so that its service manager starts it
 * again: Node's own would be that of a refused configuration. Watches this process until disposed.
 */
export function exitOnDefects(log: Logger, status: number): Disposable {
  const end = (error: unknown): never => {
    const stack = error instanceof Error ? error.stack : undefined;
    log.error('a defect of kernelet ends this daemon; kernels go on', { error, stack });
    process.exit(status);
  };
  process.on('uncaughtException', end);
  return { [Symbol.dispose]: () => void process.off('uncaughtException', end) };
}
