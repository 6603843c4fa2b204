/** What each kernel uses, for Prometheus. Counters go on over restarts of a kernel's container and of the agent. */
import type { Stall } from '../../stats/container-sample.ts';
import type { Family, Series } from '../../stats/exposition.ts';
import type { DeviceFigure, KernelFigures } from '../../stats/kernel-statistics-store.ts';

type Pick1 = (figures: KernelFigures) => number | null;

const counters: readonly (readonly [string, string, Pick1])[] = [
  ['cpu_seconds_total', 'CPU time used.', (of) => of.cpuSeconds],
  ['cpu_throttled_seconds_total', 'Time that the limit on CPU time held processes back.', (of) => of.throttledSeconds],
  ['cpu_periods_total', 'Periods in which the limit on CPU time was enforced.', (of) => of.cpuPeriods],
  [
    'cpu_throttled_periods_total',
    'Periods in which the limit on CPU time held processes back.',
    (of) => of.throttledPeriods,
  ],
  ['out_of_memory_kills_total', 'Processes killed for want of memory.', (of) => of.outOfMemoryKills],
  ['process_limit_hits_total', 'Processes and threads refused by the limit.', (of) => of.processLimitHits],
  ['disk_read_bytes_total', 'Bytes read from disks.', (of) => of.readBytes],
  ['disk_written_bytes_total', 'Bytes written to disks.', (of) => of.writtenBytes],
  ['network_received_bytes_total', 'Bytes received, loopback left out.', (of) => of.receivedBytes],
  ['network_sent_bytes_total', 'Bytes sent, loopback left out.', (of) => of.sentBytes],
];
const gauges: readonly (readonly [string, string, Pick1])[] = [
  ['memory_bytes', 'Memory in use, without the page cache that can be dropped.', (of) => of.memoryBytes],
  ['memory_peak_bytes', 'The most memory ever charged, page cache included.', (of) => of.memoryPeakBytes],
  ['memory_limit_bytes', 'The limit on memory, or what the node has.', (of) => of.memoryLimitBytes],
  ['processes', 'Processes and threads.', (of) => of.processes],
  ['processes_limit', 'The limit on processes and threads.', (of) => of.processesLimit],
  ['scratch_bytes', 'Space taken by the scratch folder at the last walk.', (of) => of.scratchBytes],
];
const stalls: readonly (readonly [string, (figures: KernelFigures) => Stall | null])[] = [
  ['cpu', (of) => of.cpuStall],
  ['memory', (of) => of.memoryStall],
  ['io', (of) => of.ioStall],
];

/** The families. */
export function kernelFamilies(kernels: readonly KernelFigures[]): readonly Family[] {
  const family = (type: 'counter' | 'gauge', [name, help, pick]: (typeof counters)[number]): Family => ({
    name: `kernelet_kernel_${name}`,
    type,
    help,
    series: kernels.map((figures) => ({ labels: labelsOf(figures), value: pick(figures) })),
  });
  return [
    ...counters.map((item) => family('counter', item)),
    ...gauges.map((item) => family('gauge', item)),
    {
      name: 'kernelet_kernel_stalled_seconds_total',
      type: 'counter',
      help: 'Time that processes waited for a resource: at least one of them, or all (PSI). Of the container at hand.',
      series: kernels.flatMap(stallSeries),
    },
    ...deviceFamilies(kernels),
    {
      name: 'kernelet_kernel_overuse_total',
      type: 'counter',
      help: 'How often a kernel took what it was given or more, by kind. Since its creation.',
      series: kernels.flatMap((figures) =>
        figures.overuse.map(({ kind, count }) => ({ labels: { ...labelsOf(figures), kind }, value: count })),
      ),
    },
  ];
}

/** The measures are plugins' own, so they are labels. */
function deviceFamilies(kernels: readonly KernelFigures[]): readonly Family[] {
  const series = (pick: (of: DeviceFigure) => number | null): readonly Series[] =>
    kernels.flatMap((figures) =>
      figures.devices.map((figure) => ({
        labels: { ...labelsOf(figures), measure: figure.measure, unit: figure.unit },
        value: pick(figure),
      })),
    );
  return [
    {
      name: 'kernelet_kernel_device_usage',
      type: 'gauge',
      help: 'How much a kernel uses of its accelerators, by measure, in the unit of the label.',
      series: series(({ value }) => value),
    },
    {
      name: 'kernelet_kernel_device_capacity',
      type: 'gauge',
      help: 'What a kernel may use of its accelerators, or what they have, by measure, in the unit of the label.',
      series: series(({ capacity }) => capacity),
    },
  ];
}

const labelsOf = ({ id, sessionId }: KernelFigures): Record<string, string> => ({
  kernel_id: id,
  session_id: sessionId,
});

function stallSeries(figures: KernelFigures): readonly Series[] {
  return stalls.flatMap(([resource, pick]) => {
    const stall = pick(figures);
    if (stall === null) return [];
    const labels = { ...labelsOf(figures), resource };
    const some = { labels: { ...labels, share: 'some' }, value: stall.some / 1e6 };
    return stall.full === null ? [some] : [some, { labels: { ...labels, share: 'all' }, value: stall.full / 1e6 }];
  });
}
