/**
 * The figures of kernels, one row each: from it follow the fields of samples and accounts, the API's replies, the series
 * for Prometheus and the columns of `kernelet stats`. The order is that of replies and tables.
 */

/** What a figure counts in. */
export type Unit = 'seconds' | 'microseconds' | 'bytes' | 'bytes per second' | 'cores' | 'count';

/** Where a figure of a kernel is shown: among what it uses now, in the record of all that it has used, or in both. */
type Shown = 'now' | 'usage' | 'both';

interface Row {
  readonly unit: Unit;
  readonly shown: Shown;
  /** One sentence for people, of Prometheus and of the API. */
  readonly help: string;
  /** Its name for Prometheus after `kernelet_kernel_`; absent: not a series of its own. */
  readonly series?: string;
  /** Its heading in `kernelet stats`; absent: no column. */
  readonly column?: string;
}

/** A figure that only grows while a container lives: accounts add up those of all containers. */
interface CounterRow extends Row {
  readonly type: 'counter';
  /** The field of the sample. */
  readonly from: string;
  /** How many of the sample's unit are one of the figure's; 1 when absent. */
  readonly per?: number;
}

/** By how much a counter grows in a second. */
interface RateRow extends Row {
  readonly type: 'rate';
  readonly from: string;
  readonly per?: number;
  /** Digits after the point to which it is rounded. */
  readonly digits: number;
}

/** A figure that goes up and down: the field of the sample of the same name. */
interface LevelRow extends Row {
  readonly type: 'level';
}

/** The most that was ever seen, over all containers: accounts keep the maximum. */
interface PeakRow extends Row {
  readonly type: 'peak';
  /** Fields of the sample; the first that is known counts. */
  readonly from: readonly string[];
}

/** Time that processes waited for a resource (PSI): the field of the sample of the same name, of this container alone. */
interface StallRow extends Row {
  readonly type: 'stall';
  readonly resource: 'cpu' | 'memory' | 'io';
}

/** The figures of a kernel. */
export const kernelFigures = {
  cpuSeconds: {
    type: 'counter',
    from: 'cpuMicroseconds',
    per: 1e6,
    unit: 'seconds',
    shown: 'both',
    help: 'CPU time used.',
    series: 'cpu_seconds_total',
    column: 'CPU TIME',
  },
  cpuCores: {
    type: 'rate',
    from: 'cpuMicroseconds',
    per: 1e6,
    digits: 3,
    unit: 'cores',
    shown: 'now',
    help: 'Cores in use.',
    column: 'CORES',
  },
  throttledSeconds: {
    type: 'counter',
    from: 'throttledMicroseconds',
    per: 1e6,
    unit: 'seconds',
    shown: 'both',
    help: 'Time that the limit on CPU time held processes back.',
    series: 'cpu_throttled_seconds_total',
  },
  cpuPeriods: {
    type: 'counter',
    from: 'cpuPeriods',
    unit: 'count',
    shown: 'now',
    help: 'Periods in which the limit on CPU time was enforced.',
    series: 'cpu_periods_total',
  },
  throttledPeriods: {
    type: 'counter',
    from: 'throttledPeriods',
    unit: 'count',
    shown: 'now',
    help: 'Periods in which the limit on CPU time held processes back.',
    series: 'cpu_throttled_periods_total',
  },
  memoryBytes: {
    type: 'level',
    unit: 'bytes',
    shown: 'now',
    help: 'Memory in use, without the page cache that can be dropped.',
    series: 'memory_bytes',
    column: 'MEMORY',
  },
  memoryPeakBytes: {
    type: 'peak',
    from: ['memoryPeakBytes', 'memoryBytes'],
    unit: 'bytes',
    shown: 'both',
    help: 'The most memory ever charged, page cache included.',
    series: 'memory_peak_bytes',
    column: 'PEAK',
  },
  memoryLimitBytes: {
    type: 'level',
    unit: 'bytes',
    shown: 'now',
    help: 'The limit on memory, or what the node has.',
    series: 'memory_limit_bytes',
    column: 'LIMIT',
  },
  processes: {
    type: 'level',
    unit: 'count',
    shown: 'now',
    help: 'Processes and threads.',
    series: 'processes',
    column: 'PROCESSES',
  },
  processesLimit: {
    type: 'level',
    unit: 'count',
    shown: 'now',
    help: 'The limit on processes and threads.',
    series: 'processes_limit',
  },
  processesPeak: {
    type: 'peak',
    from: ['processes'],
    unit: 'count',
    shown: 'usage',
    help: 'The most processes and threads ever seen.',
  },
  processLimitHits: {
    type: 'counter',
    from: 'processLimitHits',
    unit: 'count',
    shown: 'both',
    help: 'Processes and threads refused by the limit.',
    series: 'process_limit_hits_total',
  },
  readBytes: {
    type: 'counter',
    from: 'readBytes',
    unit: 'bytes',
    shown: 'both',
    help: 'Bytes read from disks.',
    series: 'disk_read_bytes_total',
    column: 'READ',
  },
  writtenBytes: {
    type: 'counter',
    from: 'writtenBytes',
    unit: 'bytes',
    shown: 'both',
    help: 'Bytes written to disks.',
    series: 'disk_written_bytes_total',
    column: 'WRITTEN',
  },
  receivedBytes: {
    type: 'counter',
    from: 'receivedBytes',
    unit: 'bytes',
    shown: 'both',
    help: 'Bytes received, loopback left out.',
    series: 'network_received_bytes_total',
    column: 'RECEIVED',
  },
  sentBytes: {
    type: 'counter',
    from: 'sentBytes',
    unit: 'bytes',
    shown: 'both',
    help: 'Bytes sent, loopback left out.',
    series: 'network_sent_bytes_total',
    column: 'SENT',
  },
  readBytesPerSecond: {
    type: 'rate',
    from: 'readBytes',
    digits: 0,
    unit: 'bytes per second',
    shown: 'now',
    help: 'Bytes read from disks.',
  },
  writtenBytesPerSecond: {
    type: 'rate',
    from: 'writtenBytes',
    digits: 0,
    unit: 'bytes per second',
    shown: 'now',
    help: 'Bytes written to disks.',
  },
  receivedBytesPerSecond: {
    type: 'rate',
    from: 'receivedBytes',
    digits: 0,
    unit: 'bytes per second',
    shown: 'now',
    help: 'Bytes received.',
  },
  sentBytesPerSecond: {
    type: 'rate',
    from: 'sentBytes',
    digits: 0,
    unit: 'bytes per second',
    shown: 'now',
    help: 'Bytes sent.',
  },
  scratchBytes: {
    type: 'level',
    unit: 'bytes',
    shown: 'now',
    help: 'Space taken by the scratch folder at the last walk.',
    series: 'scratch_bytes',
    column: 'SCRATCH',
  },
  scratchPeakBytes: {
    type: 'peak',
    from: ['scratchBytes'],
    unit: 'bytes',
    shown: 'usage',
    help: 'The most space that the scratch folder ever took at a walk.',
  },
  outOfMemoryKills: {
    type: 'counter',
    from: 'outOfMemoryKills',
    unit: 'count',
    shown: 'both',
    help: 'Processes killed for want of memory.',
    series: 'out_of_memory_kills_total',
    column: 'OOM',
  },
  cpuStall: {
    type: 'stall',
    resource: 'cpu',
    unit: 'microseconds',
    shown: 'now',
    help: 'Time that processes waited for a CPU.',
  },
  memoryStall: {
    type: 'stall',
    resource: 'memory',
    unit: 'microseconds',
    shown: 'now',
    help: 'Time that processes waited for memory.',
  },
  ioStall: {
    type: 'stall',
    resource: 'io',
    unit: 'microseconds',
    shown: 'now',
    help: 'Time that processes waited for disks.',
  },
} as const satisfies Readonly<Record<string, CounterRow | RateRow | LevelRow | PeakRow | StallRow>>;

type Rows = typeof kernelFigures;
type Type = Rows[keyof Rows]['type'];
/** The names of the rows of some types, shown in some place. */
type NamesOf<OfType extends Type, In extends Shown = Shown> = {
  [Name in keyof Rows]: Rows[Name] extends { readonly type: OfType; readonly shown: In } ? Name : never;
}[keyof Rows];

/** Figures that are among what a kernel uses now: numbers, and stalls. */
export type NumberName = NamesOf<Exclude<Type, 'stall'>, 'now' | 'both'>;
export type StallName = NamesOf<'stall'>;
/** Figures of the record of all that a kernel has used. */
export type UsageName = NamesOf<Type, 'usage' | 'both'>;
/** Fields of samples, by how accounts treat them. */
export type CounterField = Rows[NamesOf<'counter'>]['from'];
export type PeakName = NamesOf<'peak'>;
export type LevelName = NamesOf<'level'>;
/** What a sample has beside counters and levels. */
type PeakField = Rows[PeakName]['from'][number];
export type SampleField = CounterField | LevelName | PeakField;

/** A row of any type, with its name. */
export type KernelFigure = (CounterFigure | RateFigure | LevelRow | PeakFigure | StallRow) & {
  readonly name: keyof Rows;
};
type CounterFigure = Omit<CounterRow, 'from'> & { readonly from: CounterField };
type RateFigure = Omit<RateRow, 'from'> & { readonly from: CounterField };
type PeakFigure = Omit<PeakRow, 'from'> & { readonly from: readonly (LevelName | PeakField)[] };

/** All rows, in their order. */
export const allKernelFigures: readonly KernelFigure[] = Object.entries(kernelFigures).map(
  ([name, row]) => ({ name, ...row }) as KernelFigure,
);

/** The rows that are shown in a place. */
export const figuresShown = (place: 'now' | 'usage'): readonly KernelFigure[] =>
  allKernelFigures.filter(({ shown }) => shown === place || shown === 'both');
