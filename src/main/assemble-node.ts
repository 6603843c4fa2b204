/** Assembles a node out of its parts. What differs between nodes is handed in; nothing here asks what the node is. */
import path from 'node:path';
import type { EventStore } from '../agent/agent-parts.ts';
import type { NodeCapacity } from '../agent/create-request.ts';
import { DefaultAgent } from '../agent/default-agent.ts';
import { mayHaveRoot } from '../agent/hardening.ts';
import type { AssembledNode } from '../agent/node.ts';
import { clockLook, memoryLook } from '../agent/node-looks.ts';
import { OciRuntimes } from '../agent/oci-runtimes.ts';
import { fitLimits, isAnyWanted } from '../agent/operator-limits.ts';
import { machineConfigFile } from '../config/paths.ts';
import type { Settings } from '../config/settings.ts';
import { infinibandDevices } from '../devices/infiniband.ts';
import type { NodeDevices } from '../devices/node-devices.ts';
import type { Engine } from '../engine/engine.ts';
import { ImageService } from '../images/image-service.ts';
import { assembleKernels, type KernelsParts } from '../kernel/assemble.ts';
import { type ContainerSettings, defaultEntrypoint } from '../kernel/container/container-spec.ts';
import { KernelUsers, readReservedIds } from '../kernel/container/kernel-users.ts';
import { InvariantViolations } from '../kernel/invariant-violations.ts';
import type { KernelNetwork } from '../kernel/spec.ts';
import { systemClock } from '../lib/clock.ts';
import { withDeadline } from '../lib/deadline.ts';
import { descriptorsOfProcess } from '../lib/descriptor-budget.ts';
import { version } from '../lib/installation.ts';
import type { Logger } from '../lib/log.ts';
import { readMountTable } from '../lib/mount-table.ts';
import { type OperationTimes, watchMethods } from '../lib/operation-times.ts';
import type { RefusedServices } from '../network/cluster-services.ts';
import type { MetadataTarget } from '../network/firewall/rule-set.ts';
import { PortPool } from '../resources/port-pool.ts';
import type { StatisticsSink } from '../stats/statistics-round.ts';
import type { Ballast } from '../storage/ballast.ts';
import { DiskReserve } from '../storage/disk-reserve.ts';
import { FileSystems, type ForeignFiles } from '../storage/file-systems/file-systems.ts';
import { mountCheck } from '../storage/mounts/mount-policy.ts';
import { scratchFolder } from '../storage/scratch.ts';
import type { StateFolder } from '../storage/state-folder.ts';
import { assembleStatistics } from './assemble-statistics.ts';
import { type EngineBackend, socketPathOf, usualDataFolders } from './engine-backends.ts';

/** What the composition roots decide differently. */
export interface NodeRole {
  readonly mode: 'standalone' | 'cluster';
  /** What one kernel may be given at most. */
  readonly capacity: (devices: NodeDevices) => Promise<NodeCapacity>;
  /** Where kernels are connected that are not asked to be anywhere. */
  readonly network: KernelNetwork;
  /** Folders of the host that kernels may be given, and what is below them. */
  readonly mountAllow: readonly string[];
  /** Whether somebody in a kernel can be root, as whom set-id programs can be left in mounts. */
  readonly hasTenantRoot: boolean;
  /** Services of a cluster that kernels may not reach. */
  readonly refusedServices: RefusedServices;
  /** Where kernels are led that ask for metadata; absent: nowhere. */
  readonly metadata?: () => MetadataTarget | null;
  readonly container: Pick<ContainerSettings, 'hardening' | 'privateServices' | 'publishAddress' | 'logLimitBytes'> & {
    /** Files of this machine that kernels see; absent: none. */
    readonly views?: (files: ForeignFiles) => ReturnType<NonNullable<ContainerSettings['views']>>;
  };
  /** Whether web terminals are reached from this host alone. */
  readonly isTerminalLocal: boolean;
  readonly readyTimeoutMs: number;
  /** Answers what programs of kernels ask the agent; absent: they can't. */
  readonly serveAgentSocket?: (engine: Engine) => NonNullable<KernelsParts['serveAgentSocket']>;
  /** Takes figures beside the agent's own readers; null: nobody does. */
  readonly statistics: StatisticsSink | null;
}

/** What a node is assembled from. */
export interface AssembleOptions {
  readonly settings: Settings;
  readonly role: NodeRole;
  readonly state: StateFolder;
  readonly backend: EngineBackend;
  readonly events: EventStore;
  /** Where this agent makes a folder for kernels' scratch folders; in the state folder when absent. */
  readonly scratchRoot?: string;
  /** Whether its kernels outlive the process. */
  readonly keepsKernels: boolean;
  /** Networks that are kept ready for kernels to come. */
  readonly prewarmedNetworks: number;
  /** Told of the operations of the engine. */
  readonly operations: OperationTimes;
  readonly log: Logger;
  /** Parts of the kernels beside or in place of the usual ones. */
  readonly kernelParts?: (engine: Engine) => Partial<Pick<KernelsParts, 'hooks' | 'adaptPlan'>>;
}

const outputBufferBytes = 4 * 1024 * 1024;
const finishedRunKeepMs = 60_000;
const graceMs = 2000;
const sweepGraceMs = 60_000;
/** Folders with limited homes that are kept ready, once one was asked for. */
const prewarmedHomes = 2;
const infoTimeoutMs = 10_000;
/** How long the end waits for what is written in the background; the process's end ends that too. */
const closeMs = 1_000;

/**
 * Builds the agent; `start()` is the caller's. What `cleanups` holds by then, and the parts that are made, are the
 * agent's to let go of; they stay the caller's when this throws. Throws ENGINE_UNSUPPORTED, INVALID_CONFIG, STATE_UNUSABLE.
 */
export async function assembleNode(options: AssembleOptions, cleanups: AsyncDisposableStack): Promise<AssembledNode> {
  const { settings, role, state, backend, events, operations, log } = options;
  const descriptors = descriptorsOfProcess();
  const engine = watchMethods<Engine>(backend.engine, 'engine', operations);
  const devices = cleanups.use(await backend.findDevices(engine));
  const capacity = await role.capacity(devices);
  const { first, last } = settings.container.portRange;
  const ports = new PortPool({ first, last, clock: systemClock });
  const refusedPaths = async (): Promise<readonly string[]> => {
    const { dataRoot } = await engine.info(AbortSignal.timeout(infoTimeoutMs));
    const own = [settings.stateDir, state.path, settings.container.scratchRoot, settings.volumeDir];
    return [...own, settings.socketPath, socketPathOf(engine), dataRoot, ...usualDataFolders];
  };
  const files = cleanups.use(new FileSystems({ clock: systemClock, log }));
  const { views, ...container } = role.container;
  const invariantViolations = new InvariantViolations();
  const scratchRoot = scratchFolder(options.scratchRoot, settings.stateDir, state);
  const { kernelUsers } = settings.container;
  const kernels = cleanups.use(
    assembleKernels({
      state: { ...state, scratch: scratchRoot },
      engine,
      devices,
      ports,
      events,
      users: kernelUsers ? new KernelUsers(kernelUsers, await readReservedIds(), log) : undefined,
      invariantViolations,
      operations,
      refusedPaths,
      connectRunner: backend.connectRunner,
      files,
      packetFilter: backend.packetFilter,
      imageRootsFolder: path.join(settings.stateDir, 'image-roots'),
      refusedServices: role.refusedServices,
      metadata: role.metadata,
      hasRoom: () => descriptors.hasRoom,
      serveAgentSocket: role.serveAgentSocket?.(engine),
      networkBytes: backend.networkBytes,
      readSockets: backend.readSockets,
      runTool: backend.runTool,
      processRoot: backend.processRoot,
      clock: systemClock,
      log,
      settings: {
        container: {
          ...container,
          ...(views ? { views: () => views(files) } : {}),
          ...(settings.container.infiniband ? { commonDevices: () => infinibandDevices() } : {}),
          volume: { hostPath: backend.runnerVolume, entrypoint: defaultEntrypoint },
          init: true,
        },
        runner: {
          outputBufferBytes,
          finishedRunKeepMs,
          isTerminalLocal: role.isTerminalLocal,
          debug: settings.debug.kernelRunner,
        },
        readyTimeoutMs: role.readyTimeoutMs,
        graceMs,
        sweepGraceMs,
        onEngineRestart: settings.onEngineRestart,
        missingGraceMs: backend.outlivesDaemon ? settings.missingGraceMs : 0,
        marksEngine: options.keepsKernels && backend.outlivesDaemon,
        // Whoever runs one command has asked for the end that comes with it.
        keptHomes: options.keepsKernels
          ? { keepMs: settings.keptHomes.keepMs, maxBytes: settings.keptHomes.maxBytes }
          : { keepMs: 0, maxBytes: 0 },
        connectionLimit: settings.connectionLimit,
        prewarmedNetworks: options.prewarmedNetworks,
        prewarmedHomes: {
          count: options.keepsKernels && !settings.defaults.homeInMemory ? prewarmedHomes : 0,
          homeBytes: settings.defaults.homeBytes,
        },
      },
      ...options.kernelParts?.(engine),
    }),
  );
  await kernels.scratch.prepare();
  if (options.keepsKernels) cleanups.use(keepBallast(state.ballast, log));
  const diskReserve = new DiskReserve({
    folders: [state.path, scratchRoot],
    reserved: settings.diskReserve,
    clock: systemClock,
  });
  const scratchLimitBytes = settings.container.scratchSizeBytes > 0 ? settings.container.scratchSizeBytes : null;
  const statistics = await assembleStatistics({
    settings: settings.metrics,
    folder: path.join(state.path, 'statistics'),
    host: backend.figuresHost,
    engineMounts: backend.engineMounts,
    maxDescriptors: descriptors.forStatistics,
    kernels: kernels.registry,
    engine,
    events,
    devices,
    scratchFolder: (id) => kernels.scratch.paths(id).root,
    scratchLimitBytes,
    sink: role.statistics,
    clock: systemClock,
    log,
  });
  const owned = cleanups.move();
  const agent = new DefaultAgent({
    kernels: kernels.registry,
    engine,
    images: new ImageService(engine, undefined, () => kernels.prewarmedNetworks.removeIdle()),
    events,
    statistics,
    operations,
    scratchLimitBytes,
    checkMounts: mountCheck({
      allow: role.mountAllow,
      configFile: settings.configFile ?? machineConfigFile,
      refuse: refusedPaths,
      allowSetId: settings.mountAllowSetId,
      hasTenantRoot: role.hasTenantRoot || mayHaveRoot(settings),
      files,
      log,
    }),
    files,
    fitLimits: async (signal) => {
      const limits = { diskBytes: settings.defaults.diskLimitBytes, openFiles: settings.defaults.openFiles };
      if (!isAnyWanted(limits)) return { limits, warnings: [] };
      const info = await engine.info(AbortSignal.any([signal, AbortSignal.timeout(infoTimeoutMs)]));
      return fitLimits(limits, info, await readMountTable());
    },
    assertRoom: async () => {
      state.writes.assertWritable();
      descriptors.assertRoomForKernel();
      await diskReserve.assertFree();
    },
    defaults: {
      cpus: Math.min(settings.defaults.cpus, capacity.cpus),
      memoryBytes: Math.min(settings.defaults.memoryBytes, capacity.memoryBytes),
      processes: settings.defaults.processes,
      network: role.network,
      pull: settings.defaults.imagePull,
      idleTimeoutMs: settings.defaults.idleTimeoutMs,
      onIdle: settings.defaults.onIdle,
      homeBytes: settings.defaults.homeBytes,
      bitsPerSecond: settings.defaults.bitsPerSecond,
      user: settings.container.kernelUser,
      ociRuntime: settings.ociRuntime,
      writableRoot: settings.writableRoot,
      homeInMemory: settings.defaults.homeInMemory,
      agentSocket: role.serveAgentSocket !== undefined,
      socketProxies: settings.socketProxies,
    },
    ociRuntimes: new OciRuntimes({
      names: settings.ociRuntimes,
      // Of one command's own kernel the creation finds out.
      trials:
        options.keepsKernels && backend.outlivesDaemon
          ? { boot: kernels.probeOciRuntime, removeLeft: kernels.removeLeftTrials }
          : null,
      clock: systemClock,
      log,
    }),
    capacity,
    devices,
    release: () => owned.disposeAsync(),
    facts: {
      version,
      mode: role.mode,
      agentId: state.agentId,
      stateDir: state.path,
      hungFileSystems: () => files.hung,
      looks: {
        descriptors: () => descriptors.shortage?.message ?? null,
        memory: memoryLook(),
        clock: clockLook(systemClock),
      },
      disk: async () =>
        state.writes.stalled ? 'stalled' : state.writes.full || (await diskReserve.isShort()) ? 'full' : 'ok',
      slots: () => ({ cpus: devices.use('cpu'), memoryBytes: devices.use('mem'), ports: ports.use() }),
      invariantViolations: () => ({
        ...invariantViolations.snapshot(),
        'absent-release': devices.ledger.absentReleases + ports.absentReleases,
        'conflicting-adoption': ports.conflictingAdoptions,
        'altered-network': kernels.prewarmedNetworks.altered,
        'removed-firewall': kernels.bridge.restored + kernels.sessionNetworks.restored,
      }),
    },
    clock: systemClock,
    log,
  });
  const { registry, sessionNetworks } = kernels;
  return { agent, engine, kernels: registry, devices, ports, sessionNetworks, files };
}

/** In the background, so that a start waits for no disk, and an end for none that hangs. */
function keepBallast(ballast: Ballast, log: Logger): AsyncDisposable {
  const end = new AbortController();
  const keeping = ballast.keep(systemClock, log, end.signal);
  return {
    async [Symbol.asyncDispose]() {
      end.abort();
      const options = { what: 'the ballast', timeoutMs: closeMs, clock: systemClock };
      await withDeadline(options, () => keeping).catch(() => {});
    },
  };
}
