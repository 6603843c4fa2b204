/** Where statistics go beside the agent's own interfaces, if anywhere. Numbers in units; in which form others read them is the sink's business. */
import type { DeviceMeasure, DeviceMeasureKind, MeasuredAmount } from '../devices/device-measures.ts';
import type { Timed } from './container-sample.ts';
import type { KernelReading } from './kernel-statistics-store.ts';
import type { NodeReading } from './node-figures.ts';
import type { ProcessSample } from './process-reader.ts';

/** How much of devices a kernel or a process uses by one measure. */
export interface DeviceReading extends MeasuredAmount {
  readonly kind: DeviceMeasureKind;
}

/** What is known of the devices of a kernel or of a process. */
export interface DeviceReadings {
  /** What plugins have measured in this very round. */
  readonly fresh: readonly DeviceReading[];
  /** The keys of all measures that still hold: those of a plugin that missed a round too. */
  readonly keys: ReadonlySet<string>;
}

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
