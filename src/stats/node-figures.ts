/** The node's measures: all collectors, and the metrics made of them. One that fails is reported and skips its turn. */

import type { NodeCollector, NodeMeasure } from './measure.ts';
import { MetricStore, type WrittenMetrics } from './metric-store.ts';
import { type MissingMetric, missingMetricOf } from './missing-metric.ts';

/** The node's metrics in the written form, and those of its devices by metric and device. */
export interface NodeMetrics {
  readonly node: WrittenMetrics;
  readonly devices: Readonly<Record<string, WrittenMetrics>>;
}

const nodeId = 'node';

/** The figures. */
export class NodeFigures {
  readonly #collectors: readonly NodeCollector[];
  readonly #more: () => readonly NodeCollector[];
  readonly #node = new MetricStore();
  readonly #devices = new MetricStore();
  /** What each collector measured when it last could. */
  readonly #keys = new Map<string, readonly string[]>();
  #latest: readonly NodeMeasure[] = [];
  #gaps: readonly MissingMetric[] = [];

  /** `more`: collectors that may be others from round to round. Each is known by its name. */
  constructor(collectors: readonly NodeCollector[], more: () => readonly NodeCollector[] = () => []) {
    this.#collectors = collectors;
    this.#more = more;
  }

  /** What was measured last. */
  get latest(): readonly NodeMeasure[] {
    return this.#latest;
  }

  /** What could not be measured last. */
  get gaps(): readonly MissingMetric[] {
    return this.#gaps;
  }

  /** Measures; `at` is the monotonic time in seconds. Rejects with the signal's reason alone. */
  async round(at: number, signal: AbortSignal): Promise<void> {
    const measures: NodeMeasure[] = [];
    const gaps: MissingMetric[] = [];
    const collectors = [...this.#collectors, ...this.#more()];
    for (const { name, collect } of collectors) {
      try {
        const collected = await collect(at, signal);
        measures.push(...collected);
        this.#keys.set(
          name,
          collected.map(({ key }) => key),
        );
      } catch (error) {
        signal.throwIfAborted();
        gaps.push(missingMetricOf(name, error));
      }
    }
    for (const { key, definition, devices, ...measured } of measures) {
      this.#node.enter(nodeId, key, definition, measured, at);
      for (const [device, value] of devices) this.#devices.enter(key, device, definition, value, at);
      this.#devices.keepOf(key, (device) => devices.has(device));
    }
    this.#keepOnly(new Set(collectors.map(({ name }) => name)));
    this.#latest = measures;
    this.#gaps = gaps;
  }

  /** The written form. */
  metrics(): NodeMetrics {
    const devices = [...this.#devices.ids()].map((key) => [key, this.#devices.written(key) ?? {}] as const);
    return { node: this.#node.written(nodeId) ?? {}, devices: Object.fromEntries(devices) };
  }

  /** What a collector has that measures it no more, or that is gone, is no metric any more. */
  #keepOnly(names: ReadonlySet<string>): void {
    for (const name of this.#keys.keys()) if (!names.has(name)) this.#keys.delete(name);
    const wanted = new Set([...this.#keys.values()].flat());
    this.#node.keepOf(nodeId, (key) => wanted.has(key));
    this.#devices.keep((key) => wanted.has(key));
  }
}
