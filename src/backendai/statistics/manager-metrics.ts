/**
 * Under which keys, in which units and with which statistics managers read figures (spec resources-and-stats 13.2 to
 * 13.4). From the numbers of the core to decimals. Pure.
 */
import type { DeviceMeasureKind, MeasuredAmount } from '../../devices/device-plugin.ts';
import { Decimal, roundEven } from '../../lib/decimal.ts';
import type { KernelReading } from '../../stats/kernel-statistics-store.ts';
import type { NodeFigureName, NodeReading } from '../../stats/node-figures.ts';
import type { ProcessSample } from '../../stats/process-reader.ts';
import type { DecimalAmount, MetricDefinition, StatisticName } from './metric.ts';

/** How a figure becomes a metric. */
export type MetricKind = Pick<MetricDefinition, 'unit' | 'filter' | 'hook'>;

/** A value for the metric of a key. */
export interface MetricValue extends DecimalAmount {
  readonly key: string;
  readonly definition: MetricDefinition;
}

/** The same of the node, with those of its devices. */
export interface NodeMetricValue extends MetricValue {
  readonly devices: ReadonlyMap<string, DecimalAmount>;
}

const kind = (unit: string, hook: MetricKind['hook'] = null, ...filter: readonly StatisticName[]): MetricKind => ({
  unit,
  filter: new Set(filter),
  hook,
});

/** Of the node and its devices; accelerators add their own. */
export const nodeMetrics = {
  cpu_util: kind('msec', 'diff'),
  mem: kind('bytes', null, 'max'),
  disk: kind('bytes'),
  net_rx: kind('bps', 'rate'),
  net_tx: kind('bps', 'rate'),
} as const satisfies Readonly<Record<string, MetricKind>>;

/** Of a kernel, and those of the same name of a process. */
export const kernelMetrics = {
  cpu_util: kind('percent', 'rate', 'avg', 'max'),
  cpu_used: kind('msec'),
  mem: kind('bytes', null, 'max'),
  io_read: kind('bytes', null, 'rate'),
  io_write: kind('bytes', null, 'rate'),
  net_rx: kind('bps', 'rate'),
  net_tx: kind('bps', 'rate'),
  io_scratch_size: kind('bytes', null, 'max'),
} as const satisfies Readonly<Record<string, MetricKind>>;

/** The metric of a kind. What is first seen of a counter shows what its hook says, and nothing runs backwards. */
const definitionOf = (kind: MetricKind, capacityFromFirst: boolean): MetricDefinition => ({
  ...kind,
  capacityFromFirst,
  rule: '26.8',
});
const definitionsOf = <Key extends string>(
  kinds: Readonly<Record<Key, MetricKind>>,
  capacityFromFirst: boolean,
): Readonly<Record<Key, MetricDefinition>> =>
  Object.fromEntries(
    Object.entries<MetricKind>(kinds).map(([key, kind]) => [key, definitionOf(kind, capacityFromFirst)]),
  ) as Record<Key, MetricDefinition>;

const kernelDefinitions = definitionsOf(kernelMetrics, true);
const nodeDefinitions = definitionsOf(nodeMetrics, false);

/** Milliseconds of CPU time in a second: one core. */
const oneCore = new Decimal(1000);

/** Of a kernel. What is not known is left out, but for the scratch folder's size, which managers expect: 0 until it is known. */
export function kernelValues({ counters, sample }: Omit<KernelReading, 'kernelId' | 'at'>): readonly MetricValue[] {
  const cpu = milliseconds(counters.cpuMicroseconds);
  return [
    ...known('cpu_util', cpu, oneCore),
    ...known('cpu_used', cpu),
    ...known('mem', bytes(sample.memoryBytes), bytes(sample.memoryLimitBytes)),
    ...known('io_read', bytes(counters.readBytes)),
    ...known('io_write', bytes(counters.writtenBytes)),
    ...known('net_rx', bytes(counters.receivedBytes)),
    ...known('net_tx', bytes(counters.sentBytes)),
    ...known('io_scratch_size', bytes(sample.scratchBytes ?? 0)),
  ];
}

/** Of a process; its memory is out of what it had first. */
export function processValues(sample: ProcessSample): readonly MetricValue[] {
  const cpu = milliseconds(sample.cpuMicroseconds);
  return [
    ...known('cpu_util', cpu, oneCore),
    ...known('cpu_used', cpu),
    ...known('mem', bytes(sample.memoryBytes)),
    ...known('io_read', bytes(sample.readBytes)),
    ...known('io_write', bytes(sample.writtenBytes)),
  ];
}

/** How a figure of the node is written; `whole` is the name of the one device of a figure without parts. */
const nodeKeys = {
  cpuSeconds: { key: 'cpu_util', toDecimal: (seconds) => roundEven(new Decimal(seconds * 1000), 3) },
  memoryBytes: { key: 'mem', whole: 'root' },
  diskBytes: { key: 'disk' },
  receivedBytes: { key: 'net_rx', whole: 'node' },
  sentBytes: { key: 'net_tx', whole: 'node' },
} as const satisfies Readonly<
  Record<
    NodeFigureName,
    {
      readonly key: keyof typeof nodeMetrics;
      readonly whole?: string;
      readonly toDecimal?: (value: number) => Decimal;
    }
  >
>;

/** Of a figure of the node. */
export function nodeValue({ figure, parts, ...amount }: NodeReading): NodeMetricValue {
  const {
    key,
    whole,
    toDecimal = exactly,
  }: { key: keyof typeof nodeMetrics; whole?: string; toDecimal?: ToDecimal } = nodeKeys[figure];
  const measured = decimals(amount, toDecimal);
  const devices = new Map([...parts].map(([part, of]) => [part, decimals(of, toDecimal)]));
  if (whole !== undefined) devices.set(whole, measured);
  return { key, definition: nodeDefinitions[key], ...measured, devices };
}

/** Of a device's measure: of the node, or of a kernel or process, where a capacity that is not known is the first value. */
export function deviceValue(kind: DeviceMeasureKind, amount: MeasuredAmount, ofHolder: boolean): MetricValue {
  const { key, unit, filter, hook } = kind;
  const definition = definitionOf({ unit, filter: new Set(filter), hook }, ofHolder);
  return { key, definition, ...decimals(amount) };
}

/** Measured amounts by device, in decimals. */
export const deviceAmounts = (amounts: ReadonlyMap<string, MeasuredAmount>): ReadonlyMap<string, DecimalAmount> =>
  new Map([...amounts].map(([device, amount]) => [device, decimals(amount)]));

type ToDecimal = (value: number) => Decimal;

const exactly: ToDecimal = (value) => new Decimal(value);

const decimals = ({ value, capacity }: MeasuredAmount, toDecimal = exactly): DecimalAmount => ({
  value: toDecimal(value),
  capacity: capacity === null ? null : toDecimal(capacity),
});

function known(
  key: keyof typeof kernelMetrics,
  value: Decimal | null,
  capacity: Decimal | null = null,
): readonly MetricValue[] {
  return value === null ? [] : [{ key, definition: kernelDefinitions[key], value, capacity }];
}

const bytes = (value: number | null): Decimal | null => (value === null ? null : new Decimal(value));
const milliseconds = (microseconds: number | null): Decimal | null =>
  microseconds === null ? null : roundEven(new Decimal(microseconds).div(1000), 3);
