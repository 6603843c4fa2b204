/** One metric of a node, device, container or process, and its written form (spec resources-and-stats 13.1). Pure. */
import { type Decimal, plainText, roundEven, zero } from '../lib/decimal.ts';
import { MovingStatistics, type StatisticName, statisticsVersion } from './moving-statistics.ts';

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

  /** The written form. */
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

const rounded = (value: Decimal, places: number): string => plainText(roundEven(value, places));

function percent(current: Decimal, capacity: Decimal | null): string {
  if (!capacity?.isFinite() || !capacity.gt(0)) return '0.00';
  return rounded(current.div(capacity).times(100), percentPlaces);
}
