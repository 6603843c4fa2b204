/** The metrics of many things of one kind: kernels, processes, devices. Pure; its size is that of what is kept. */
import type { DecimalAmount } from './manager-metrics.ts';
import { Metric, type MetricDefinition, type WrittenMetric } from './metric.ts';

/** Written metrics by key. */
export type WrittenMetrics = Readonly<Record<string, WrittenMetric>>;

/** The metrics. */
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

  /** Everything that has metrics. */
  ids(): IterableIterator<string> {
    return this.#metrics.keys();
  }

  /** Forgets the metrics of one thing that are not wanted any more. */
  keepOf(id: string, isWanted: (key: string) => boolean): void {
    const ofId = this.#metrics.get(id);
    for (const key of ofId?.keys() ?? []) if (!isWanted(key)) ofId?.delete(key);
    if (ofId?.size === 0) this.#metrics.delete(id);
  }

  /** Forgets one thing. */
  forget(id: string): void {
    this.#metrics.delete(id);
  }

  /** Forgets what is not wanted any more. */
  keep(isWanted: (id: string) => boolean): void {
    for (const id of this.#metrics.keys()) if (!isWanted(id)) this.#metrics.delete(id);
  }
}
