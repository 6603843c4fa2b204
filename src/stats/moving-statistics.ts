/** Statistics over all values of a metric since the agent started (spec resources-and-stats 13.1). Pure. */
import { Decimal, zero } from '../lib/decimal.ts';

/** The statistics that there are. */
export type StatisticName = 'min' | 'max' | 'sum' | 'avg' | 'diff' | 'rate' | 'version';

/** Of the form of the statistics, for readers. */
export const statisticsVersion = 2;

/** Grows by one value at a time; its size stays the same. */
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
