/** The values of the statistics keys in Redis (spec cluster-state 4.2): maps of text in a fixed order. */
import { encodeMsgpack } from '../msgpack/encode.ts';
import type { MsgpackValue } from '../msgpack/value.ts';

/** Moving statistics in the order in which they are sent, those that a metric has. */
const movingOrder = ['min', 'max', 'sum', 'avg', 'diff', 'rate'] as const;
/** A moving statistic. */
export type MovingStatistic = (typeof movingOrder)[number];

/** One metric; numbers are decimal text. */
export interface MetricFigures {
  readonly current: string;
  readonly capacity: string | null;
  readonly pct: string;
  readonly unit: 'bytes' | 'msec' | 'percent' | 'bps' | 'count';
  readonly moving: Readonly<Partial<Record<MovingStatistic, string>>>;
}

/** Metrics by name. */
export type Metrics = Readonly<Record<string, MetricFigures>>;

/** The value of the node's key: its metrics, and each by device. */
export function encodeNodeStatistics(
  node: Metrics,
  devices: Readonly<Record<string, Readonly<Record<string, MetricFigures>>>>,
): Uint8Array {
  return encodeMsgpack({ node: metricsValue(node), devices: mapValues(devices, metricsValue) });
}

/** The value of a kernel's key. */
export function encodeKernelStatistics(metrics: Metrics): Uint8Array {
  return encodeMsgpack(metricsValue(metrics));
}

/** The value of a container's key: metrics by process id, which is an integer there. */
export function encodeProcessStatistics(processes: ReadonlyMap<number, Metrics>): Uint8Array {
  return encodeMsgpack(new Map([...processes].map(([pid, metrics]) => [pid, metricsValue(metrics)])));
}

function metricsValue(metrics: Metrics): { readonly [name: string]: MsgpackValue } {
  return mapValues(metrics, metricValue);
}

function metricValue({ current, capacity, pct, unit, moving }: MetricFigures): MsgpackValue {
  const value: Record<string, MsgpackValue> = { current, capacity, pct, unit_hint: unit };
  for (const name of movingOrder) {
    const figure = moving[name];
    if (figure !== undefined) value[`stats.${name}`] = figure;
  }
  return value;
}

function mapValues<From, To>(record: Readonly<Record<string, From>>, change: (value: From) => To): Record<string, To> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, change(value)]));
}
