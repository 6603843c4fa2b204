/** Assembles the statistics of a node. */
import { targetOf } from '../agent/usage-tracker.ts';
import type { MetricsSettings } from '../config/settings.ts';
import type { NodeDevices } from '../devices/node-devices.ts';
import type { Engine } from '../engine/engine.ts';
import type { EventSink } from '../events/kernel-event.ts';
import type { KernelRegistry } from '../kernel/kernel-registry.ts';
import type { Clock } from '../lib/clock.ts';
import { asContainerId, type KernelId } from '../lib/ids.ts';
import type { Logger } from '../lib/log.ts';
import type { ReaderHost } from '../stats/container-reader.ts';
import { DirectSource, EngineSource } from '../stats/container-source.ts';
import { DeviceFigures, holdersOf } from '../stats/device-figures.ts';
import { reclaimMemory } from '../stats/memory-reclaim.ts';
import { nodeCpu, nodeDisk, nodeMemory, nodeNetwork } from '../stats/node-collectors.ts';
import { NodeFigures } from '../stats/node-figures.ts';
import { OomLog } from '../stats/oom-log.ts';
import { OpenFileCache } from '../stats/open-file-cache.ts';
import { ProcessReader } from '../stats/process-reader.ts';
import { Statistics } from '../stats/statistics.ts';
import type { StatisticsSink } from '../stats/statistics-round.ts';

/** What they are assembled from. */
export interface AssembleStatisticsOptions {
  readonly settings: MetricsSettings;
  /** Where accounts of kernels and final records lie, over restarts. */
  readonly folder: string;
  readonly kernels: Pick<KernelRegistry, 'list' | 'get'>;
  readonly engine: Engine;
  readonly events: Pick<EventSink, 'publish'>;
  readonly devices: Pick<NodeDevices, 'plugins' | 'ledger'>;
  readonly scratchFolder: (id: KernelId) => string;
  readonly scratchLimitBytes: number | null;
  /** Takes them beside the agent's own readers; null: nobody does. */
  readonly sink: StatisticsSink | null;
  /** Where the figures of containers are read. */
  readonly host: (files: OpenFileCache) => ReaderHost;
  /** Mounts that are the engine's own, beside those below the folder that it names. */
  readonly engineMounts: readonly string[];
  /** Descriptors that they may keep open. */
  readonly maxDescriptors: number;
  readonly clock: Clock;
  readonly log: Logger;
}

function isLive(kernels: Pick<KernelRegistry, 'get'>, id: string): boolean {
  try {
    return kernels.get(id as KernelId).phase !== 'terminated';
  } catch {
    return false;
  }
}

/** Makes them; `start()` is the caller's. */
export async function assembleStatistics(options: AssembleStatisticsOptions): Promise<Statistics> {
  const { settings, kernels, engine, events, clock, log } = options;
  const files = new OpenFileCache({ maxOpen: options.maxDescriptors });
  const host = options.host(files);
  const pidOf = async (containerId: string, signal: AbortSignal): Promise<number | null> => {
    const container = await engine.inspectContainer(containerId, signal);
    return container !== null && container.pid > 0 ? container.pid : null;
  };
  const direct = new DirectSource(host, pidOf);
  const targets = () => kernels.list().flatMap((record) => targetOf(record, options) ?? []);
  const devices = new DeviceFigures({
    plugins: () => options.devices.plugins,
    holders: (key) => holdersOf(key, targets(), options.devices.ledger.held, (containerId) => direct.pids(containerId)),
  });
  return await Statistics.open({
    folder: options.folder,
    targets,
    isLive: (id) => isLive(kernels, id),
    scratchFolder: options.scratchFolder,
    source:
      settings.source === 'direct'
        ? direct
        : new EngineSource(direct, (id, signal) => engine.containerFigures(asContainerId(id), signal)),
    node: new NodeFigures(
      [
        nodeCpu(files.file('/proc/stat')),
        nodeMemory(files.file('/proc/meminfo')),
        nodeDisk({
          mounts: files.file('/proc/self/mountinfo'),
          fileSystems: files.file('/proc/filesystems'),
          engineMounts: options.engineMounts,
          clock,
          engineRoot: async (signal) => (await engine.info(signal)).dataRoot,
        }),
        nodeNetwork(files.file('/proc/self/net/dev')),
      ],
      () => devices.collectors(),
    ),
    devices,
    reclaim: (containerId, isPaused, signal) => reclaimMemory(containerId, { ...host, pidOf, isPaused, clock }, signal),
    processes: new ProcessReader(files, clock),
    killLog: new OomLog(clock),
    sink: options.sink,
    onOveruse: ({ kernelId, sessionId }, { kind, count, detail }) =>
      events.publish({ type: 'overuse', kind, count, detail, kernelId, sessionId }),
    periodMs: settings.periodMs,
    adaptive: settings.adaptive,
    clock,
    log,
  });
}
