/** The engines that `agent.backend` may name, each with what looks into its containers. */
import { readFile } from 'node:fs/promises';
import { homedir, totalmem } from 'node:os';
import path from 'node:path';
import type { Settings } from '../config/settings.ts';
import { discoverDevices, type EngineFacts } from '../devices/discover-devices.ts';
import { readHostCapacity } from '../devices/host-capacity.ts';
import type { NodeDevices } from '../devices/node-devices.ts';
import { DockerEngine, defaultDataRoot, parseDockerHost } from '../engine/docker/docker-engine.ts';
import { engineMounts } from '../engine/docker/engine-info.ts';
import { DummyEngine } from '../engine/dummy/dummy-engine.ts';
import { dummyImage } from '../engine/dummy/dummy-images.ts';
import type { Engine, EngineImage } from '../engine/engine.ts';
import { recipeReference } from '../images/recipes.ts';
import type { KernelsParts } from '../kernel/assemble.ts';
import { type DescriptorBudget, descriptorsOfProcess } from '../lib/descriptor-budget.ts';
import { installationRoot, version } from '../lib/installation.ts';
import type { Logger } from '../lib/log.ts';
import { machineTools } from '../network/bandwidth.ts';
import { machinePacketFilter, noPacketFilter, type PacketFilter } from '../network/firewall/packet-filter.ts';
import { socketsOf } from '../network/prewarmed-network.ts';
import { runtimeTable } from '../protocol/runtimes.ts';
import type { RunnerConnector } from '../runner-client/runner-client.ts';
import { createRunnerConnector } from '../runner-client/runner-connection.ts';
import { echo, ScriptedRunner } from '../runner-client/scripted-runner.ts';
import { readHierarchies } from '../stats/cgroup.ts';
import { networkBytes } from '../stats/container-collectors.ts';
import type { ReaderHost } from '../stats/container-reader.ts';
import type { OpenFileCache } from '../stats/open-file-cache.ts';
import { installRunnerVolume, runnerVolumeOnDemand } from '../storage/runner-volume/install.ts';

/** Where engines of this host usually have their data. Nothing of it is ever mounted, whichever engine is used. */
export const usualDataFolders: readonly string[] = [defaultDataRoot];

/** An engine, and how the rest of the node reaches what runs in its containers. */
export interface EngineBackend {
  /** Whoever opens it disposes it, after the node. */
  readonly engine: Engine;
  /** Whether its containers outlive the daemon; else those that it does not list at a start are gone. */
  readonly outlivesDaemon: boolean;
  readonly connectRunner: RunnerConnector;
  /** Keeps kernels on the engine's networks apart from each other and from the host. */
  readonly packetFilter: PacketFilter;
  /** Host path of the runner volume, which the first call installs where it is not there yet. */
  readonly runnerVolume: () => Promise<string>;
  /** What kernels are given. `engine` is asked for what it knows of devices. */
  readonly findDevices: (engine: Engine) => Promise<NodeDevices>;
  /** Bytes that have gone through the network of a process, by its id on this host. */
  readonly networkBytes: KernelsParts['networkBytes'];
  /** The sockets of the network of a process, by its id on this host. */
  readonly readSockets: KernelsParts['readSockets'];
  /** Runs the programs that limit networks. */
  readonly runTool: KernelsParts['runTool'];
  /** Where the processes of its containers are seen; null = there are none. */
  readonly processRoot: KernelsParts['processRoot'];
  /** Where the figures of containers are read. */
  readonly figuresHost: (files: OpenFileCache) => ReaderHost;
  /** Mounts of this machine that are the engine's own, also while it doesn't answer. */
  readonly engineMounts: readonly string[];
}

/** What one is opened with. */
export interface BackendOptions {
  readonly settings: Settings;
  readonly log: Logger;
  /** Called with what takes time before there is a node. */
  readonly onProgress: (text: string) => void;
}

interface BackendKind {
  /** Throws what `open` would throw for these settings, without making anything. */
  readonly check?: (settings: Settings) => void;
  readonly engine: (settings: Settings) => Engine;
  readonly open: (options: BackendOptions) => EngineBackend;
}

const dockerEngine = ({ dockerHost }: Settings): Engine => new DockerEngine({ dockerHost: dockerHost ?? undefined });

/** Connections for files come beside the one that each kernel has. */
const connectorWithin = (descriptors: DescriptorBudget): RunnerConnector =>
  createRunnerConnector({ assertRoom: () => descriptors.assertRoom() });

const openDocker: BackendKind['open'] = (options) => ({
  engine: dockerEngine(options.settings),
  outlivesDaemon: true,
  connectRunner: connectorWithin(descriptorsOfProcess()),
  packetFilter: machinePacketFilter,
  runnerVolume: runnerVolumeOnDemand(() =>
    installRunnerVolume({
      source: path.join(installationRoot(), 'dist', 'runner-volume'),
      volumesFolder: options.settings.volumeDir,
      onProgress: options.onProgress,
    }),
  ),
  findDevices: devicesOfMachine(options),
  networkBytes: async (pid) => networkBytes(await readFile(`/proc/${pid}/net/dev`, 'utf8'), { loopback: false }),
  readSockets: socketsOf,
  runTool: machineTools,
  processRoot: '/proc',
  figuresHost: thisMachine,
  engineMounts,
});

const dummyEngine = (): Engine =>
  new DummyEngine({ images: ownImages(), onPull: (reference) => dummyImage(reference), onPush: () => {} });

/** Nothing runs: containers are entries in memory, which end with the daemon, and runners answer with what they are given. */
const openDummy: BackendKind['open'] = (options) => ({
  engine: dummyEngine(),
  outlivesDaemon: false,
  connectRunner: () => new ScriptedRunner(() => echo),
  packetFilter: noPacketFilter,
  runnerVolume: async () => '/nonexistent/volume',
  findDevices: devicesOfMachine(options),
  networkBytes: async () => ({ receivedBytes: 0, sentBytes: 0 }),
  readSockets: async () => '',
  runTool: machineTools,
  processRoot: null,
  // Its containers have process ids that may be those of other programs.
  figuresHost: (files) => ({ ...thisMachine(files), mounts: [], processRoot: '/nonexistent/proc' }),
  engineMounts: [],
});

function ownImages(): readonly EngineImage[] {
  const recipes = new Map(runtimeTable.map(({ type, recipe }) => [recipe, type]));
  return [...recipes].flatMap(([recipe, type]) =>
    recipe === null ? [] : [dummyImage(recipeReference(recipe), { labels: { 'ai.backend.runtime-type': type } })],
  );
}

const backends = {
  docker: {
    engine: dockerEngine,
    open: openDocker,
    check: ({ dockerHost }) => void parseDockerHost(dockerHost ?? undefined),
  },
  dummy: { engine: dummyEngine, open: openDummy },
} satisfies Readonly<Record<Settings['agent']['backend'], BackendKind>>;

/** Opens the engine that the settings name. Throws ENGINE_UNSUPPORTED for an address that is not on this machine. */
export function openBackend(options: BackendOptions): EngineBackend {
  return backends[options.settings.agent.backend].open(options);
}

/** The engine that the settings name, and nothing around it. Throws ENGINE_UNSUPPORTED. */
export const openEngine = (settings: Settings): Engine => backends[settings.agent.backend].engine(settings);

/** Where the socket of an engine of this machine is. */
export const socketPathOf = ({ address }: Pick<Engine, 'address'>): string => address.replace(/^unix:\/\//, '');

/** Throws what opening the engine that the settings name would throw of them. */
export function checkBackend(settings: Settings): void {
  const backend: BackendKind = backends[settings.agent.backend];
  backend.check?.(settings);
}

/** Cgroups and processes as this machine's kernel shows them. */
export const thisMachine = (files: OpenFileCache): ReaderHost => ({
  files,
  mounts: readHierarchies(),
  nodeMemoryBytes: totalmem(),
  processRoot: '/proc',
});

const devicesOfMachine =
  ({ settings, log }: BackendOptions) =>
  (engine: Engine): Promise<NodeDevices> =>
    discoverDevices({
      settings,
      host: readHostCapacity,
      engine: () => engineFacts(engine),
      agentVersion: version,
      workingDir: process.cwd(),
      homeDir: homedir(),
      log,
    });

const infoTimeoutMs = 10_000;

/** What of the engine matters to devices; null when it doesn't answer. */
async function engineFacts(engine: Engine): Promise<EngineFacts | null> {
  const info = await engine.info(AbortSignal.timeout(infoTimeoutMs)).catch(() => null);
  if (!info) return null;
  const { version: engineVersion, runtimes, cgroupVersion, cgroupParent } = info;
  return { version: engineVersion, runtimes, cgroups: { version: cgroupVersion, parent: cgroupParent } };
}
