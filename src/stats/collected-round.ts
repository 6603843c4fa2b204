/** Puts together what a round has found, for the sink. */
import type { ContainerSource } from './container-source.ts';
import type { DeviceFigures } from './device-figures.ts';
import type { KernelReading, KernelStatisticsStore, StatsTarget } from './kernel-statistics-store.ts';
import type { NodeFigures } from './node-figures.ts';
import type { ProcessReader } from './process-reader.ts';
import type { DeviceReadings, ProcessReading, StatisticsRound } from './statistics-sink.ts';

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
