/** Statistics of given containers, and the CPU time that a round of them takes. */
import path from 'node:path';
import { systemClock } from '../src/lib/clock.ts';
import { silentLogger } from '../src/lib/log.ts';
import type { ReaderHost } from '../src/stats/container-reader.ts';
import { DirectSource } from '../src/stats/container-source.ts';
import type { StatsTarget } from '../src/stats/kernel-statistics-store.ts';
import { NodeFigures } from '../src/stats/node-figures.ts';
import { OomLog } from '../src/stats/oom-log.ts';
import { ProcessReader } from '../src/stats/process-reader.ts';
import { Statistics } from '../src/stats/statistics.ts';
import type { StatisticsSink } from '../src/stats/statistics-round.ts';
import { median } from './statistics.ts';

const signal = new AbortController().signal;

interface DefaultPaths {
  readonly host: ReaderHost;
  readonly pidOf: (containerId: string) => Promise<number | null>;
}

/** Statistics of these containers alone; nothing runs by itself. */
export async function openStatistics(
  folder: string,
  { host, pidOf }: DefaultPaths,
  targets: readonly StatsTarget[],
  sink: StatisticsSink | null = null,
): Promise<Statistics> {
  return await Statistics.open({
    folder: path.join(folder, 'statistics'),
    targets: () => targets,
    isLive: () => true,
    scratchFolder: () => '/nonexistent',
    source: new DirectSource(host, pidOf),
    node: new NodeFigures([]),
    devices: null,
    processes: new ProcessReader(host.files, systemClock),
    killLog: new OomLog(systemClock),
    sink,
    onOveruse: () => {},
    periodMs: 5000,
    adaptive: false,
    clock: systemClock,
    log: silentLogger,
  });
}

/** Milliseconds of CPU time for each container in each round, the median of several batches. */
export async function cpuPerSample(statistics: Statistics, containers: number, rounds: number): Promise<number> {
  for (let round = 0; round < rounds; round += 1) await statistics.round(signal);
  const batches: number[] = [];
  for (let batch = 0; batch < 7; batch += 1) {
    const begun = process.cpuUsage();
    for (let round = 0; round < rounds; round += 1) await statistics.round(signal);
    const { user, system } = process.cpuUsage(begun);
    batches.push((user + system) / 1000 / rounds / containers);
  }
  return median(batches);
}
