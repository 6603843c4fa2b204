/** Measures as they are taken: values of the kinds that `measure-kinds.ts` lists. */
import { Decimal, roundEven } from '../lib/decimal.ts';
import type { ContainerCounters, ContainerSample } from './container-sample.ts';
import { containerMeasures as containerKinds, type MeasureKind } from './measure-kinds.ts';
import type { MetricDefinition } from './metric.ts';

/** A value with what it is out of. */
export interface MeasuredValue {
  readonly value: Decimal;
  readonly capacity: Decimal | null;
}

/** A key with its definition. */
export interface Measure {
  readonly key: string;
  readonly definition: MetricDefinition;
}

/** A measure of one container or process. */
export interface TakenMeasure extends Measure, MeasuredValue {}

/** A measure of the node and of its devices. */
export interface NodeMeasure extends Measure, MeasuredValue {
  readonly devices: ReadonlyMap<string, MeasuredValue>;
}

/** What a collector of the node's measures is. One file each in `node/`. */
export interface NodeCollector {
  readonly name: string;
  /** Measures now; `at` is the monotonic time in seconds. */
  collect(at: number, signal: AbortSignal): Promise<readonly NodeMeasure[]>;
}

/** The metric of a kind. What is first seen of a counter shows what its hook says, and nothing runs backwards. */
export function definitionOf(kind: MeasureKind, capacityFromFirst: boolean): MetricDefinition {
  return { ...kind, capacityFromFirst, rule: '26.8' };
}

const definitions = Object.fromEntries(
  Object.entries(containerKinds).map(([key, kind]) => [key, definitionOf(kind, true)]),
) as Readonly<Record<keyof typeof containerKinds, MetricDefinition>>;

/** Milliseconds of CPU time in a second: one core. */
const oneCore = new Decimal(1000);

/**
 * The measures of a kernel's container: counters over all of its containers, levels of this one. What is not known is
 * left out, but for the scratch folder's size, which readers expect and which is 0 until it is known.
 */
export function containerMeasures(
  counters: ContainerCounters,
  sample: ContainerSample,
  scratchBytes: number | null,
): readonly TakenMeasure[] {
  const cpu = milliseconds(counters.cpuMicroseconds);
  return [
    taken('cpu_util', cpu, oneCore),
    taken('cpu_used', cpu),
    taken('mem', bytes(sample.memoryBytes), bytes(sample.memoryLimitBytes)),
    taken('io_read', bytes(counters.readBytes)),
    taken('io_write', bytes(counters.writtenBytes)),
    taken('net_rx', bytes(counters.receivedBytes)),
    taken('net_tx', bytes(counters.sentBytes)),
    taken('io_scratch_size', bytes(scratchBytes ?? 0)),
  ].flatMap((measure) => measure ?? []);
}

/** Figures of one process. */
export interface ProcessSample {
  readonly cpuMicroseconds: number;
  readonly memoryBytes: number;
  /** null when they may not be read. */
  readonly readBytes: number | null;
  readonly writtenBytes: number | null;
}

/** The measures of a process. */
export function processMeasures(sample: ProcessSample): readonly TakenMeasure[] {
  const cpu = milliseconds(sample.cpuMicroseconds);
  return [
    taken('cpu_util', cpu, oneCore),
    taken('cpu_used', cpu),
    taken('mem', bytes(sample.memoryBytes)),
    taken('io_read', bytes(sample.readBytes)),
    taken('io_write', bytes(sample.writtenBytes)),
  ].flatMap((measure) => measure ?? []);
}

function taken(
  key: keyof typeof containerKinds,
  value: Decimal | null,
  capacity: Decimal | null = null,
): TakenMeasure | null {
  return value === null ? null : { key, definition: definitions[key], value, capacity };
}

const bytes = (value: number | null): Decimal | null => (value === null ? null : new Decimal(value));
const milliseconds = (microseconds: number | null): Decimal | null =>
  microseconds === null ? null : roundEven(new Decimal(microseconds).div(1000), 3);
