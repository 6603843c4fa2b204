/** Builds the agent of this node out of its parts: for the daemon and for a command's own. */
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import path from 'node:path';
import { NodeAgent } from '../agent/node-agent.ts';
import { fitLimits, isAnyWanted } from '../agent/operator-limits.ts';
import type { Settings } from '../config/settings.ts';
import { discoverDevices, type EngineFacts } from '../devices/discover-devices.ts';
import { readHostCapacity } from '../devices/host-capacity.ts';
import { DockerEngine } from '../engine/docker/docker-engine.ts';
import type { Engine } from '../engine/engine.ts';
import { EventLog } from '../events/event-log.ts';
import { createRunnerConnector } from '../execution/runner-connection.ts';
import { EngineImageShelf } from '../images/image-shelf.ts';
import { assembleKernels } from '../kernel/assemble.ts';
import { defaultEntrypoint } from '../kernel/container-spec.ts';
import { Oddities } from '../kernel/oddities.ts';
import { systemClock } from '../lib/clock.ts';
import type { KernelId } from '../lib/ids.ts';
import { installationRoot } from '../lib/installation.ts';
import type { Logger } from '../lib/log.ts';
import { readMountTable } from '../lib/mount-table.ts';
import { type OperationTimes, watchMethods } from '../lib/operation-times.ts';
import { PortPool } from '../resources/port-pool.ts';
import { networkBytes } from '../stats/network-bytes.ts';
import { allowMounts } from '../storage/mount-policy.ts';
import { ensureRunnerVolume } from '../storage/runner-volume.ts';
import { openStateFolder } from '../storage/state-folder.ts';
import { buildStatistics } from './build-statistics.ts';
import { hardeningOf } from './hardening.ts';
import { runnerVolumeOnDemand } from './runner-volume-on-demand.ts';
import { scratchFolder as scratchRootOf } from './scratch-folder.ts';
import { checkUser } from './user-check.ts';
import { version } from './version.ts';

/** What an agent is built from. */
export interface BuildAgentOptions {
  readonly settings: Settings;
  /** The folder of this agent: the state folder, or an instance folder below it. */
  readonly stateDir: string;
  /** Where this agent makes a folder for kernels' scratch folders; in `stateDir` when absent. */
  readonly scratchRoot?: string;
  /** Networks that are kept ready for kernels to come. */
  readonly readyNetworks: number;
  /** Told of the operations of the engine. */
  readonly operations: OperationTimes;
  /** Whether to build what kernels need at once; else the first kernel waits for it. */
  readonly willMakeKernels: boolean;
  readonly log: Logger;
  /** Told what takes time before the agent exists. */
  readonly onProgress: (text: string) => void;
}

const outputBufferBytes = 4 * 1024 * 1024;
const finishedRunKeepMs = 60_000;
const logLimitBytes = 10 * 1024 * 1024;
const graceMs = 2000;
const sweepGraceMs = 60_000;
const infoTimeoutMs = 10_000;

/** Opens the state folder and builds the agent; `start()` is the caller's. Throws STATE_LOCKED, STATE_UNUSABLE, ENGINE_UNSUPPORTED, NOT_SUPPORTED. */
export async function buildAgent(options: BuildAgentOptions): Promise<NodeAgent> {
  const { settings, operations, log } = options;
  await using cleanups = new AsyncDisposableStack();
  const docker = cleanups.use(new DockerEngine({ dockerHost: settings.dockerHost ?? undefined }));
  const engine = watchMethods<Engine>(docker, 'engine', operations);
  const userId = process.getuid?.() ?? 0;
  if (userId !== 0) checkUser(userId, await engine.info(AbortSignal.timeout(infoTimeoutMs)));
  const state = cleanups.use(await openStateFolder(options.stateDir));
  const events = cleanups.use(await EventLog.open(path.join(state.path, 'events'), { clock: systemClock, log }));
  const volume = runnerVolumeOnDemand(() =>
    ensureRunnerVolume({
      volumesFolder: settings.volumeDir,
      nodePath: process.execPath,
      nodeVersion: process.version,
      bundleFolder: path.join(installationRoot(), 'dist', 'runner'),
      searchPath: process.env['PATH'] ?? '',
      onProgress: options.onProgress,
    }),
  );
  if (options.willMakeKernels) await volume();
  const host = await readHostCapacity();
  const devices = cleanups.use(
    await discoverDevices({
      settings,
      host,
      engine: () => engineFacts(engine),
      agentVersion: version,
      workingDir: process.cwd(),
      homeDir: homedir(),
      log,
    }),
  );
  // Alone, what is offered several times over is still no more than the machine has for any one kernel.
  const alone = settings.mode === 'standalone';
  const most = alone ? host : { cpus: devices.use('cpu').total, memoryBytes: devices.use('mem').total };
  const capacity = { ...most, slots: devices.known };
  const { first, last } = settings.container.portRange;
  const ports = new PortPool({ first, last, clock: systemClock });
  const oddities = new Oddities();
  const kernels = cleanups.use(
    assembleKernels({
      state: { ...state, scratch: scratchRootOf(options.scratchRoot, settings.stateDir, state) },
      engine,
      devices,
      ports,
      events,
      oddities,
      connectRunner: createRunnerConnector(),
      clock: systemClock,
      log,
      settings: {
        container: {
          volume: { hostPath: volume, entrypoint: defaultEntrypoint },
          hardening: hardeningOf(settings.loosen),
          publishAddress: '127.0.0.1',
          logLimitBytes,
          init: true,
        },
        runner: { outputBufferBytes, finishedRunKeepMs, debug: settings.debug.kernelRunner },
        readyTimeoutMs: settings.readyTimeoutMs,
        graceMs,
        sweepGraceMs,
        readyNetworks: options.readyNetworks,
      },
      networkBytes: async (pid) => networkBytes(await readFile(`/proc/${pid}/net/dev`, 'utf8'), { loopback: false }),
    }),
  );
  await kernels.scratch.prepare();
  const scratchFolder = (id: KernelId): string => kernels.scratch.paths(id).root;
  const scratchLimitBytes = settings.container.scratchSizeBytes > 0 ? settings.container.scratchSizeBytes : null;
  const statistics = await buildStatistics({
    settings: settings.metrics,
    folder: path.join(state.path, 'statistics'),
    kernels: kernels.registry,
    engine,
    events,
    scratchFolder,
    scratchLimitBytes,
    clock: systemClock,
    log,
  });
  const owned = cleanups.move();
  return new NodeAgent({
    kernels: kernels.registry,
    engine,
    images: new EngineImageShelf(engine, undefined, () => kernels.sandboxes.vacate()),
    events,
    statistics,
    operations,
    scratchFolder,
    scratchLimitBytes,
    checkMounts: async (mounts) => {
      if (mounts.length === 0) return mounts;
      const { dataRoot } = await engine.info(AbortSignal.timeout(infoTimeoutMs));
      const own = [settings.stateDir, state.path, settings.container.scratchRoot, settings.volumeDir];
      const refuse = [...own, settings.socketPath, engine.address.replace(/^unix:\/\//, ''), dataRoot];
      return await allowMounts(mounts, { allow: settings.mountAllow, refuse });
    },
    fitLimits: async (signal) => {
      const limits = { diskBytes: settings.defaults.diskLimitBytes, openFiles: settings.defaults.openFiles };
      if (!isAnyWanted(limits)) return { limits, warnings: [] };
      const info = await engine.info(AbortSignal.any([signal, AbortSignal.timeout(infoTimeoutMs)]));
      return fitLimits(limits, info, await readMountTable());
    },
    defaults: {
      cpus: Math.min(settings.defaults.cpus, capacity.cpus),
      memoryBytes: Math.min(settings.defaults.memoryBytes, capacity.memoryBytes),
      processes: settings.defaults.processes,
      network: settings.defaults.network,
      pull: settings.defaults.imagePull,
      idleTimeoutMs: settings.defaults.idleTimeoutMs,
      user: settings.container.kernelUser,
    },
    capacity,
    devices,
    release: () => owned.disposeAsync(),
    facts: {
      version,
      mode: settings.mode,
      agentId: state.agentId,
      stateDir: state.path,
      slots: () => ({ cpus: devices.use('cpu'), memoryBytes: devices.use('mem'), ports: ports.use() }),
      oddities: () => ({
        ...oddities.snapshot(),
        absentReleases: devices.ledger.absentReleases + ports.absentReleases,
        conflictingAdoptions: ports.conflictingAdoptions,
      }),
    },
    clock: systemClock,
    log,
  });
}

/** What of the engine matters to devices; null when it doesn't answer. */
async function engineFacts(engine: Engine): Promise<EngineFacts | null> {
  const info = await engine.info(AbortSignal.timeout(infoTimeoutMs)).catch(() => null);
  if (!info) return null;
  const { version, runtimes, cgroupVersion, cgroupDriver } = info;
  return { version, runtimes, cgroups: { version: cgroupVersion, driver: cgroupDriver } };
}
