/**
 * What one round of statistics has collected, and how it is put together for a sink: where statistics go beside the
 * agent's own interfaces. Numbers in units; in which form others read them is the sink's business.
 */
import type { DeviceMeasure } from '../devices/device-plugin.ts';
import type { Timed } from './container-sample.ts';
import type { ContainerSource } from './container-source.ts';
import type { DeviceFigures, DeviceReadings } from './device-figures.ts';
import type { KernelReading, KernelStatisticsStore, StatsTarget } from './kernel-statistics-store.ts';
import type { NodeFigures, NodeReading } from './node-figures.ts';
import type { ProcessReader, ProcessSample } from './process-reader.ts';

/** What a process uses of CPU, memory, disks and devices, with the time of the sample. */
export interface ProcessReading extends Timed<ProcessSample> {
  readonly devices: DeviceReadings;
}

/**
 * What one round has collected. Kernels and processes are read off as they are asked for, one after the other: all of
 * them at once would keep the garbage collector busy.
 */
export interface StatisticsRound {
  /** Monotonic seconds: when the node and its devices were measured. */
  readonly at: number;
  /** What was last known of each figure of the node, and of each measure of its devices. */
  readonly node: readonly Timed<NodeReading>[];
  readonly devices: readonly Timed<DeviceMeasure>[];
  /** The kernels with a container, of which something is known. */
  readonly kernels: Iterable<KernelReading & { readonly devices: DeviceReadings }>;
  /** By container id, then by pid. */
  readonly processes: AsyncIterable<readonly [string, ReadonlyMap<number, ProcessReading>]>;
}

/** Takes the rounds of a node; `ClusterStatistics` is the one that there is. */
export interface StatisticsSink {
  /** Takes a round; a rejection is logged, and the next round comes all the same. */
  put(round: StatisticsRound, signal: AbortSignal): Promise<void>;
  /** Takes what a kernel has used right before its container is killed, between two rounds; a rejection is logged. */
  putFinal(reading: KernelReading): Promise<void>;
  /** A kernel has ended, or is not known any more: what is remembered of it may go. */
  forget(kernelId: string): void;
}

/** Whom a round is collected from; devices are null where nobody measures any. */
export interface CollectedFrom {
  readonly node: Pick<NodeFigures, 'readings'>;
  readonly devices: Pick<DeviceFigures, 'measures' | 'kernels' | 'processes'> | null;
  readonly kernels: Pick<KernelStatisticsStore, 'reading'>;
  readonly source: Pick<ContainerSource, 'pids'>;
  readonly processes: Pick<ProcessReader, 'read'>;
}

const noDevices: DeviceReadings = { fresh: [], keys: new Set() };

/** A round over these kernels at a time in monotonic seconds; kernels and processes are read off as they are asked for. */
export function collectedRound(
  from: CollectedFrom,
  targets: readonly StatsTarget[],
  at: number,
  signal: AbortSignal,
): StatisticsRound {
  return {
    at,
    node: from.node.readings,
    devices: from.devices?.measures ?? [],
    kernels: kernelReadings(from, targets, at),
    processes: processReadings(from, targets, at, signal),
  };
}

function* kernelReadings(
  from: CollectedFrom,
  targets: readonly StatsTarget[],
  at: number,
): Generator<KernelReading & { readonly devices: DeviceReadings }> {
  const devices = from.devices?.kernels(at);
  for (const { kernelId } of targets) {
    const reading = from.kernels.reading(kernelId);
    if (reading) yield { ...reading, devices: devices?.get(kernelId) ?? noDevices };
  }
}

async function* processReadings(
  { source, processes, devices: figures }: CollectedFrom,
  targets: readonly StatsTarget[],
  at: number,
  signal: AbortSignal,
): AsyncGenerator<readonly [string, ReadonlyMap<number, ProcessReading>]> {
  const devices = figures?.processes(at);
  for (const { containerId } of targets) {
    const readings = new Map<number, ProcessReading>();
    for (const [pid, sample] of await processes.read(source.pids(containerId), signal)) {
      readings.set(pid, { ...sample, devices: devices?.get(pid) ?? noDevices });
    }
    yield [containerId, readings];
  }
}
