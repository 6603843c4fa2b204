/** Builds the agent of this node out of its parts: for the daemon and for a command's own. */
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import path from 'node:path';
import type { AssembledNode, NodeAdapter } from '../agent/assembled-node.ts';
import type { NodeCapacity } from '../agent/create-request.ts';
import { NodeAgent } from '../agent/node-agent.ts';
import { fitLimits, isAnyWanted } from '../agent/operator-limits.ts';
import type { Settings } from '../config/settings.ts';
import { discoverDevices, type EngineFacts } from '../devices/discover-devices.ts';
import { readHostCapacity } from '../devices/host-capacity.ts';
import type { NodeDevices } from '../devices/node-devices.ts';
import { DockerEngine } from '../engine/docker/docker-engine.ts';
import type { Engine } from '../engine/engine.ts';
import { openEventLog } from '../events/event-log.ts';
import type { RunnerConnector } from '../execution/runner-client.ts';
import { createRunnerConnector } from '../execution/runner-connection.ts';
import { EngineImageService } from '../images/image-service.ts';
import { assembleKernels, type KernelsParts } from '../kernel/assemble.ts';
import { defaultEntrypoint } from '../kernel/container-spec.ts';
import { InvariantViolations } from '../kernel/invariant-violations.ts';
import type { KernelNetwork } from '../kernel/spec.ts';
import { systemClock } from '../lib/clock.ts';
import { installationRoot } from '../lib/installation.ts';
import type { Logger } from '../lib/log.ts';
import { readMountTable } from '../lib/mount-table.ts';
import { type OperationTimes, watchMethods } from '../lib/operation-times.ts';
import { version } from '../lib/version.ts';
import type { IptablesRunner } from '../network/firewall.ts';
import { PortPool } from '../resources/port-pool.ts';
import type { ReaderHost } from '../stats/container-reader.ts';
import { networkBytes } from '../stats/network-bytes.ts';
import { installRunnerVolume } from '../storage/runner-volume/install.ts';
import { openStateFolder, type StateFolder } from '../storage/state-folder.ts';
import { buildStatistics } from './build-statistics.ts';
import { containerOverrides } from './container-overrides.ts';
import { hardeningOf } from './hardening.ts';
import { lxcfsMounts } from './lxcfs-mounts.ts';
import { mountCheck } from './mount-check.ts';
import { runnerVolumeOnDemand } from './runner-volume-on-demand.ts';
import { scratchFolder as scratchRootOf } from './scratch-folder.ts';
import { checkUser } from './user-check.ts';

/** What an agent is built from. */
export interface BuildAgentOptions {
  readonly settings: Settings;
  /** The folder of this agent: the state folder, or an instance folder below it. */
  readonly stateDir: string;
  /** The same folder, where the caller has opened it and closes it after the agent. */
  readonly state?: StateFolder;
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
  /** Of whoever is above the node; absent when the node is alone. */
  readonly adapter?: NodeAdapter;
  /** What takes the place of containers, for tests and rehearsals. */
  readonly simulatedRuntime?: SimulatedRuntime;
}

/** An engine without containers, and what would look into them. */
export interface SimulatedRuntime {
  readonly engine: Engine;
  readonly connectRunner: RunnerConnector;
  readonly iptables: IptablesRunner;
  readonly volume: string;
  /** What kernels are given; the agent lets go of them. */
  readonly devices: NodeDevices;
  /** Changes the plan of a creation, such as the deadlines of its steps. */
  readonly adaptPlan?: NonNullable<KernelsParts['adaptPlan']>;
  /** Where the figures of containers are read; absent: where they are on this machine. */
  readonly figures?: ReaderHost;
}

const outputBufferBytes = 4 * 1024 * 1024;
const finishedRunKeepMs = 60_000;
const usualLogBytes = 10 * 1024 * 1024;
/** The engine knows no log without end. */
const endlessLogBytes = 2 ** 50;
const graceMs = 2000;
const sweepGraceMs = 60_000;
const infoTimeoutMs = 10_000;

/** Opens the state folder and builds the agent; `start()` is the caller's. Throws STATE_LOCKED, STATE_UNUSABLE, ENGINE_UNSUPPORTED, NOT_SUPPORTED. */
export async function buildAgent(options: BuildAgentOptions): Promise<AssembledNode> {
  const { settings, operations, log, adapter, simulatedRuntime } = options;
  await using cleanups = new AsyncDisposableStack();
  const driver = cleanups.use(
    simulatedRuntime?.engine ?? new DockerEngine({ dockerHost: settings.dockerHost ?? undefined }),
  );
  const engine = watchMethods<Engine>(driver, 'engine', operations);
  const userId = process.getuid?.() ?? 0;
  if (userId !== 0) checkUser(userId, await engine.info(AbortSignal.timeout(infoTimeoutMs)));
  const state = options.state ?? cleanups.use(await openStateFolder(options.stateDir));
  const events = adapter?.events ?? cleanups.use(await openEventLog(state, systemClock, log));
  const volume = runnerVolumeOnDemand(() =>
    installRunnerVolume({
      source: path.join(installationRoot(), 'dist', 'runner-volume'),
      volumesFolder: settings.volumeDir,
      onProgress: options.onProgress,
    }),
  );
  if (options.willMakeKernels && !simulatedRuntime) await volume();
  const devices = cleanups.use(
    simulatedRuntime?.devices ??
      (await discoverDevices({
        settings,
        host: readHostCapacity,
        engine: () => engineFacts(engine),
        agentVersion: version,
        workingDir: process.cwd(),
        homeDir: homedir(),
        log,
      })),
  );
  // Alone, what is offered several times over is still no more than the machine has for any one kernel.
  const alone = settings.mode === 'standalone';
  const host = alone ? await readHostCapacity() : null;
  const capacity: NodeCapacity = {
    get cpus() {
      return host?.cpus ?? devices.use('cpu').total;
    },
    get memoryBytes() {
      return host?.memoryBytes ?? devices.use('mem').total;
    },
    get slots() {
      return devices.known;
    },
  };
  const { first, last } = settings.container.portRange;
  const ports = new PortPool({ first, last, clock: systemClock });
  // On a node for storage people reach files and nothing else.
  const isForStorage = settings.agent.scalingGroupType === 'storage';
  const refusedPaths = async (): Promise<readonly string[]> => {
    const { dataRoot } = await engine.info(AbortSignal.timeout(infoTimeoutMs));
    const own = [settings.stateDir, state.path, settings.container.scratchRoot, settings.volumeDir];
    return [...own, settings.socketPath, engine.address.replace(/^unix:\/\//, ''), dataRoot];
  };
  const invariantViolations = new InvariantViolations();
  const kernels = cleanups.use(
    assembleKernels({
      state: { ...state, scratch: scratchRootOf(options.scratchRoot, settings.stateDir, state) },
      engine,
      devices,
      ports,
      events,
      invariantViolations,
      refusedPaths,
      connectRunner: simulatedRuntime?.connectRunner ?? createRunnerConnector(),
      ...(simulatedRuntime ? { iptables: simulatedRuntime.iptables } : {}),
      ...(adapter ? { keepLog: adapter.keepLog(engine) } : {}),
      ...(simulatedRuntime?.adaptPlan ? { adaptPlan: simulatedRuntime.adaptPlan } : {}),
      clock: systemClock,
      log,
      settings: {
        container: {
          volume: {
            hostPath: simulatedRuntime ? async () => simulatedRuntime.volume : volume,
            entrypoint: defaultEntrypoint,
          },
          hardening: {
            ...hardeningOf(settings),
            // The files are those of agents of a cluster.
            ...(alone ? {} : { overrides: containerOverrides({ homeDir: homedir(), workingDir: process.cwd() }, log) }),
          },
          ...(alone || simulatedRuntime ? {} : { views: () => lxcfsMounts() }),
          privateServices: isForStorage ? ['ttyd'] : [],
          publishAddress: adapter?.publishAddress ?? '127.0.0.1',
          logLimitBytes: adapter ? (adapter.logLimitBytes ?? endlessLogBytes) : usualLogBytes,
          init: true,
        },
        runner: {
          outputBufferBytes,
          finishedRunKeepMs,
          isTerminalLocal: alone || isForStorage,
          debug: settings.debug.kernelRunner,
        },
        readyTimeoutMs: adapter?.readyTimeoutMs ?? settings.readyTimeoutMs,
        graceMs,
        sweepGraceMs,
        readyNetworks: options.readyNetworks,
      },
      networkBytes: async (pid) => networkBytes(await readFile(`/proc/${pid}/net/dev`, 'utf8'), { loopback: false }),
    }),
  );
  await kernels.scratch.prepare();
  const scratchLimitBytes = settings.container.scratchSizeBytes > 0 ? settings.container.scratchSizeBytes : null;
  const statistics = await buildStatistics({
    settings: settings.metrics,
    folder: path.join(state.path, 'statistics'),
    ...(simulatedRuntime?.figures ? { host: simulatedRuntime.figures } : {}),
    kernels: kernels.registry,
    engine,
    events,
    devices,
    scratchFolder: (id) => kernels.scratch.paths(id).root,
    scratchLimitBytes,
    sink: adapter?.statistics ?? null,
    clock: systemClock,
    log,
  });
  const owned = cleanups.move();
  const agent = new NodeAgent({
    kernels: kernels.registry,
    engine,
    images: new EngineImageService(engine, undefined, () => kernels.prewarmedNetworks.removeIdle()),
    events,
    statistics,
    operations,
    scratchLimitBytes,
    checkMounts: mountCheck({ settings, refuse: refusedPaths, log }),
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
      network: networkOf(settings),
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
      invariantViolations: () => ({
        ...invariantViolations.snapshot(),
        'absent-release': devices.ledger.absentReleases + ports.absentReleases,
        'conflicting-adoption': ports.conflictingAdoptions,
        'altered-network': kernels.prewarmedNetworks.altered,
      }),
    },
    clock: systemClock,
    log,
  });
  return { agent, engine, kernels: kernels.registry, devices, ports, sessionNetworks: kernels.sessionNetworks };
}

/** Where kernels are connected that are not asked to be anywhere. */
function networkOf({ mode, defaults, container }: Settings): KernelNetwork {
  if (mode === 'standalone') return defaults.network;
  const { alternativeBridge: name } = container;
  return name === null ? 'bridge' : { name, aliases: [], hosts: [] };
}

/** What of the engine matters to devices; null when it doesn't answer. */
async function engineFacts(engine: Engine): Promise<EngineFacts | null> {
  const info = await engine.info(AbortSignal.timeout(infoTimeoutMs)).catch(() => null);
  if (!info) return null;
  const { version, runtimes, cgroupVersion, cgroupDriver } = info;
  return { version, runtimes, cgroups: { version: cgroupVersion, driver: cgroupDriver } };
}
