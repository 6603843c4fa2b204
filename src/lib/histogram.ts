/** Counts of observations by size, as Prometheus has them. */

/** Counts by bucket, with their sum. */
export class Histogram {
  /** Upper ends of the buckets, ascending; one without end is added. */
  readonly bounds: readonly number[];
  /** Observations by bucket, those of smaller buckets not included. */
  readonly counts: number[];
  #sum = 0;

  constructor(bounds: readonly number[]) {
    this.bounds = bounds;
    this.counts = new Array<number>(bounds.length + 1).fill(0);
  }

  /** The sum of all observations. */
  get sum(): number {
    return this.#sum;
  }

  /** Counts an observation in the first bucket whose bound is not below it. */
  observe(value: number): void {
    let bucket = this.bounds.findIndex((bound) => value <= bound);
    if (bucket < 0) bucket = this.bounds.length;
    this.counts[bucket] = (this.counts[bucket] ?? 0) + 1;
    this.#sum += value;
  }
}
