/** One metric of a node, device, container or process, and its written form (spec resources-and-stats 13.1). Pure. */
import { Decimal, plainText, roundEven, zero } from '../../lib/decimal.ts';

/** The statistics that there are. */
export type StatisticName = 'min' | 'max' | 'sum' | 'avg' | 'diff' | 'rate' | 'version';

/** Of the form of the statistics, for readers. */
const statisticsVersion = 2;

/** A value with what it is out of. */
export interface DecimalAmount {
  readonly value: Decimal;
  readonly capacity: Decimal | null;
}

/** What a metric is, which doesn't change. */
export interface MetricDefinition {
  /** `bytes`, `msec`, `percent`, `bps`, … */
  readonly unit: string;
  /** The statistics that are written with it. */
  readonly filter: ReadonlySet<StatisticName>;
  /** The statistic that is shown instead of the raw value. */
  readonly hook: 'rate' | 'diff' | null;
  /** Whether a capacity that isn't measured, or is 0, is the first value: so for containers and processes. */
  readonly capacityFromFirst: boolean;
  /**
   * 24.09: the first value of a hooked metric is shown raw, and counters may run backwards. 26.8: the first is what the
   * hook says, and nothing runs backwards.
   */
  readonly rule: '24.09' | '26.8';
}

/** A metric as it is written: numbers as texts, but for the version. */
export type WrittenMetric = Readonly<Record<string, string | number | null>>;

const valuePlaces = 3;
const percentPlaces = 2;
const written: readonly Exclude<StatisticName, 'version'>[] = ['min', 'max', 'sum', 'avg', 'diff', 'rate'];

/** A metric with all that it has seen. */
export class Metric {
  readonly #definition: MetricDefinition;
  readonly #statistics: MovingStatistics;
  #current: Decimal | undefined;
  #capacity: Decimal | null = null;

  constructor(definition: MetricDefinition) {
    this.#definition = definition;
    const { filter, hook, rule } = definition;
    const wanted = hook === null ? filter : new Set([...filter, hook]);
    this.#statistics = new MovingStatistics({ clamp: rule === '26.8', wanted });
  }

  /** Takes a value, with the capacity when one was measured, seen at a monotonic time in seconds. */
  add(value: Decimal, capacity: Decimal | null, at: number): void {
    const { hook, rule, capacityFromFirst } = this.#definition;
    const isFirst = this.#current === undefined;
    this.#statistics.add(value, at);
    if (isFirst && capacityFromFirst && (capacity === null || capacity.isZero())) this.#capacity = value;
    else if (capacity !== null) this.#capacity = capacity;
    this.#current = hook === null || (isFirst && rule === '24.09') ? value : this.#statistics.get(hook);
  }

  /** In the manager's form: decimals as texts, with upstream's numbers of places. */
  toJSON(): WrittenMetric {
    const { unit, filter } = this.#definition;
    const current = this.#current ?? zero;
    return {
      current: rounded(current, valuePlaces),
      capacity: this.#capacity === null ? null : rounded(this.#capacity, valuePlaces),
      pct: percent(current, this.#capacity),
      unit_hint: unit,
      ...Object.fromEntries(
        written
          .filter((name) => filter.has(name))
          .map((name) => [`stats.${name}`, rounded(this.#statistics.get(name), valuePlaces)]),
      ),
      ...(filter.has('version') ? { 'stats.version': statisticsVersion } : {}),
    };
  }
}

/** Statistics over all values of a metric since the agent started: its size stays the same. */
export class MovingStatistics {
  readonly #clamp: boolean;
  readonly #keeps: Readonly<Record<'sum' | 'min' | 'max' | 'diff', boolean>>;
  #count = 0;
  #sum = zero;
  #min = zero;
  #max = zero;
  #last = zero;
  #diff = zero;
  #at = 0;
  #seconds = 0;

  /**
   * `clamp`: a counter that goes back, as after a reset, has a difference and a rate of 0 (26.8) instead of below.
   * `wanted`: what will be asked for, all when absent; the rest is not kept, as numbers of every container in every
   * round are many.
   */
  constructor(options: { readonly clamp: boolean; readonly wanted?: ReadonlySet<StatisticName> }) {
    const { clamp, wanted } = options;
    const keeps = (...names: readonly StatisticName[]): boolean => !wanted || names.some((name) => wanted.has(name));
    this.#clamp = clamp;
    this.#keeps = { sum: keeps('sum', 'avg'), min: keeps('min'), max: keeps('max'), diff: keeps('diff', 'rate') };
  }

  /** Takes a value that was seen at a monotonic time in seconds. */
  add(value: Decimal, at: number): void {
    const { sum, min, max, diff: keepsDiff } = this.#keeps;
    if (this.#count > 0 && keepsDiff) {
      const diff = value.minus(this.#last);
      this.#diff = this.#clamp && diff.lt(0) ? zero : diff;
      this.#seconds = at - this.#at;
    }
    if (min && (this.#count === 0 || value.lt(this.#min))) this.#min = value;
    if (max && (this.#count === 0 || value.gt(this.#max))) this.#max = value;
    if (sum) this.#sum = this.#sum.plus(value);
    this.#count += 1;
    this.#last = value;
    this.#at = at;
  }

  /** A statistic; differences and rates are 0 with one value, rates also when no time passed. */
  get(name: Exclude<StatisticName, 'version'>): Decimal {
    switch (name) {
      case 'min':
        return this.#min;
      case 'max':
        return this.#max;
      case 'sum':
        return this.#sum;
      case 'avg':
        return this.#count === 0 ? zero : this.#sum.div(this.#count);
      case 'diff':
        return this.#diff;
      case 'rate':
        return this.#seconds > 0 ? this.#diff.div(new Decimal(this.#seconds)) : zero;
    }
  }
}

const rounded = (value: Decimal, places: number): string => plainText(roundEven(value, places));

function percent(current: Decimal, capacity: Decimal | null): string {
  if (!capacity?.isFinite() || !capacity.gt(0)) return '0.00';
  return rounded(current.div(capacity).times(100), percentPlaces);
}

/** Metrics in the manager's form, by its keys. */
export type WrittenMetrics = Readonly<Record<string, WrittenMetric>>;

/** The metrics of kernels, processes or whatever else has an id. */
export class MetricStore {
  readonly #metrics = new Map<string, Map<string, Metric>>();

  /** Adds a value that was measured at a monotonic time in seconds. */
  add(id: string, key: string, definition: MetricDefinition, { value, capacity }: DecimalAmount, at: number): void {
    const ofId = this.#metrics.get(id) ?? new Map<string, Metric>();
    if (ofId.size === 0) this.#metrics.set(id, ofId);
    const metric = ofId.get(key) ?? new Metric(definition);
    ofId.set(key, metric);
    metric.add(value, capacity, at);
  }

  /** The metrics of one thing, in the order in which they were first added; null when there are none. */
  written(id: string): WrittenMetrics | null {
    const ofId = this.#metrics.get(id);
    return ofId ? Object.fromEntries([...ofId].map(([key, metric]) => [key, metric.toJSON()])) : null;
  }

  /** The ids of everything that has metrics, in no order. */
  ids(): IterableIterator<string> {
    return this.#metrics.keys();
  }

  /** Forgets the metrics of one thing that are not wanted any more. */
  keepOf(id: string, isWanted: (key: string) => boolean): void {
    const ofId = this.#metrics.get(id);
    for (const key of ofId?.keys() ?? []) if (!isWanted(key)) ofId?.delete(key);
    if (ofId?.size === 0) this.#metrics.delete(id);
  }

  /** Forgets all metrics of one thing, which begin anew when it is measured again. */
  forget(id: string): void {
    this.#metrics.delete(id);
  }

  /** Forgets what is not wanted any more. */
  keep(isWanted: (id: string) => boolean): void {
    for (const id of this.#metrics.keys()) if (!isWanted(id)) this.#metrics.delete(id);
  }
}
