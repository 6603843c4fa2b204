/** Statistics for managers: what a round has collected, encoded and written to Redis (spec cluster-state 4.2). */
import type { RedisStatistics } from '../cluster/redis/statistics-keys.ts';
import { encodeMsgpack } from '../wire/msgpack/encode.ts';
import type { MsgpackValue } from '../wire/msgpack/value.ts';
import { agentPayload, kernelPayload, processPayload, type StatPayload } from './stat-payload.ts';
import type { CollectedMetrics, StatisticsSink } from './statistics-sink.ts';

/** The writer of `cluster/redis/`, or a test's. */
export type StatisticsWriter = Pick<RedisStatistics, 'writeNode' | 'writeKernels' | 'writeProcesses' | 'expireKernels'>;

/** The sink of a node in a cluster. */
export class ClusterStatistics implements StatisticsSink {
  readonly #writer: StatisticsWriter;
  readonly #agentId: string;
  /** Kernels whose figures are there without an expiry. */
  #written: ReadonlySet<string> = new Set();

  constructor(writer: StatisticsWriter, agentId: string) {
    this.#writer = writer;
    this.#agentId = agentId;
  }

  /** Throws REDIS_UNAVAILABLE, REDIS_REFUSED; what is missing then comes with the next round. */
  async put({ node, kernels, processes }: CollectedMetrics): Promise<void> {
    const ended = [...this.#written].filter((kernel) => !kernels.has(kernel));
    await this.#writer.writeNode(encoded(agentPayload(this.#agentId, node.node, node.devices)));
    await this.#writer.writeKernels(
      new Map([...kernels].map(([kernel, metrics]) => [kernel, encoded(kernelPayload(kernel, metrics))])),
    );
    await this.#writer.writeProcesses(
      new Map([...processes].map(([container, pids]) => [container, encoded(processPayload(container, pids))])),
    );
    await this.#writer.expireKernels(ended);
    this.#written = new Set(kernels.keys());
  }
}

function encoded({ value }: StatPayload): Uint8Array {
  return encodeMsgpack(value as MsgpackValue);
}
