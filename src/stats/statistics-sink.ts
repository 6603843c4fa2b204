/** Where statistics go beside the agent's own doors: Redis in cluster mode (spec resources-and-stats 13.5), or nowhere. */
import type { WrittenMetrics } from './metric-book.ts';
import type { NodeMetrics } from './node-figures.ts';

/** What one round has collected, in the written form. */
export interface CollectedMetrics {
  readonly node: NodeMetrics;
  /** By kernel id. */
  readonly kernels: ReadonlyMap<string, WrittenMetrics>;
  /** By container id, then by pid. */
  readonly processes: ReadonlyMap<string, ReadonlyMap<number, WrittenMetrics>>;
}

/** The sink. */
export interface StatisticsSink {
  /** Takes the metrics of a round; a rejection is logged, and the next round comes all the same. */
  put(metrics: CollectedMetrics, signal: AbortSignal): Promise<void>;
}
