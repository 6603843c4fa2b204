/** Where statistics go beside the agent's own doors: Redis in cluster mode (spec resources-and-stats 13.5), or nowhere. */
import type { WrittenMetrics } from './metric-store.ts';
import type { NodeMetrics } from './node-figures.ts';

/**
 * What one round has collected. Metrics of kernels and processes are put into the written form as they are asked for,
 * once and one after the other: all of them at once would keep the garbage collector busy.
 */
export interface CollectedMetrics {
  readonly node: NodeMetrics;
  /** By kernel id. */
  readonly kernels: Iterable<readonly [string, WrittenMetrics]>;
  /** By container id, then by pid. */
  readonly processes: AsyncIterable<readonly [string, ReadonlyMap<number, WrittenMetrics>]>;
}

/** The sink. */
export interface StatisticsSink {
  /** Takes the metrics of a round; a rejection is logged, and the next round comes all the same. */
  put(metrics: CollectedMetrics, signal: AbortSignal): Promise<void>;
  /** Takes what a kernel has used right before its container is killed, between two rounds; a rejection is logged. */
  putLast(kernelId: string, metrics: WrittenMetrics): Promise<void>;
}
