/** What is measured of nodes, containers and processes, and how it is shown (spec resources-and-stats 13.2 to 13.4). */
import type { MetricDefinition } from './metric.ts';
import type { StatisticName } from './moving-statistics.ts';

/** How a measure becomes a metric. */
export type MeasureKind = Pick<MetricDefinition, 'unit' | 'filter' | 'hook'>;

const kind = (unit: string, hook: MeasureKind['hook'] = null, ...filter: readonly StatisticName[]): MeasureKind => ({
  unit,
  filter: new Set(filter),
  hook,
});

/** Of the node and its devices; accelerators add their own. */
export const nodeMeasures = {
  cpu_util: kind('msec', 'diff'),
  mem: kind('bytes', null, 'max'),
  disk: kind('bytes'),
  net_rx: kind('bps', 'rate'),
  net_tx: kind('bps', 'rate'),
} as const satisfies Readonly<Record<string, MeasureKind>>;

/** Of a container. */
export const containerMeasures = {
  cpu_util: kind('percent', 'rate', 'avg', 'max'),
  cpu_used: kind('msec'),
  mem: kind('bytes', null, 'max'),
  io_read: kind('bytes', null, 'rate'),
  io_write: kind('bytes', null, 'rate'),
  net_rx: kind('bps', 'rate'),
  net_tx: kind('bps', 'rate'),
  io_scratch_size: kind('bytes', null, 'max'),
} as const satisfies Readonly<Record<string, MeasureKind>>;

/** Of a process; what is measured is what containers have of the same name. */
export const processMeasures = {
  cpu_util: containerMeasures.cpu_util,
  cpu_used: containerMeasures.cpu_used,
  mem: containerMeasures.mem,
  io_read: containerMeasures.io_read,
  io_write: containerMeasures.io_write,
} as const satisfies Readonly<Record<string, MeasureKind>>;
