/** Statistics for managers: what a round has collected, encoded and written to Redis (spec cluster-state 4.2). */

import type { Clock } from '../../lib/clock.ts';
import { YieldBudget } from '../../lib/yield-budget.ts';
import type { WrittenMetrics } from '../../stats/metric-store.ts';
import type { CollectedMetrics, StatisticsSink } from '../../stats/statistics-sink.ts';
import type { RedisStatistics } from '../redis/statistics-keys.ts';
import { encodeMsgpack } from '../wire/msgpack/encode.ts';
import type { MsgpackValue } from '../wire/msgpack/value.ts';
import { agentPayload, kernelPayload, processPayload, type StatPayload } from './stat-payload.ts';

/** The writer of `cluster/redis/`, or a test's. */
export type StatisticsWriter = Pick<
  RedisStatistics,
  'writeNode' | 'writeKernels' | 'writeLast' | 'writeProcesses' | 'expireKernels'
>;

/** The sink of a node in a cluster. */
export class ClusterStatistics implements StatisticsSink {
  readonly #writer: StatisticsWriter;
  readonly #agentId: string;
  readonly #clock: Clock;
  /** Kernels whose figures are there without an expiry. */
  #written: ReadonlySet<string> = new Set();

  constructor(writer: StatisticsWriter, agentId: string, clock: Clock) {
    this.#writer = writer;
    this.#agentId = agentId;
    this.#clock = clock;
  }

  /**
   * Throws REDIS_UNAVAILABLE, REDIS_REFUSED, and the signal's reason; what is missing then comes with the next round.
   */
  async put({ node, kernels, processes }: CollectedMetrics, signal: AbortSignal): Promise<void> {
    await this.#writer.writeNode(encoded(agentPayload(this.#agentId, node.node, node.devices)));
    const payloads = await this.#allEncoded(kernels, kernelPayload, signal);
    await this.#writer.writeKernels(payloads);
    await this.#writer.writeProcesses(await this.#allEncoded(processes, processPayload, signal));
    await this.#writer.expireKernels([...this.#written].filter((kernel) => !payloads.has(kernel)));
    this.#written = new Set(payloads.keys());
  }

  /** A manager reads them when it hears of the kernel's end (B47). Throws REDIS_UNAVAILABLE, REDIS_REFUSED. */
  async putLast(kernelId: string, metrics: WrittenMetrics): Promise<void> {
    await this.#writer.writeLast(kernelId, encoded(kernelPayload(kernelId, metrics)));
  }

  async #allEncoded<T>(
    metrics: Iterable<readonly [string, T]> | AsyncIterable<readonly [string, T]>,
    payload: (id: string, metrics: T) => StatPayload,
    signal: AbortSignal,
  ): Promise<ReadonlyMap<string, Uint8Array>> {
    const budget = new YieldBudget({ clock: this.#clock });
    const all = new Map<string, Uint8Array>();
    for await (const [id, of] of metrics) {
      await budget.yieldIfSpent(signal);
      all.set(id, encoded(payload(id, of)));
    }
    return all;
  }
}

function encoded({ value }: StatPayload): Uint8Array {
  return encodeMsgpack(value as MsgpackValue);
}
