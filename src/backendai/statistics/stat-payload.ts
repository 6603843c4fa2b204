/** Where the manager finds statistics, and in which form (spec resources-and-stats 13.5). Pure. */
import type { WrittenMetric } from './metric.ts';

/** Metrics by key. */
export type MetricSet = Readonly<Record<string, WrittenMetric>>;

/** A value of the statistics database, to be written as MessagePack. */
export interface StatPayload {
  readonly key: string;
  /** Null: it stays until somebody deletes it, so that the manager can read a kernel's last figures. */
  readonly expirySeconds: number | null;
  /** Texts, numbers and null in maps; a Map where keys are numbers. */
  readonly value: Readonly<Record<string, unknown>> | ReadonlyMap<number, MetricSet>;
}

const agentSeconds = 120;
const processSeconds = 8;

/** Of a node: its own metrics, and those of its devices by metric and device. */
export const agentPayload = (
  agent: string,
  node: MetricSet,
  devices: Readonly<Record<string, MetricSet>>,
): StatPayload => ({ key: agent, expirySeconds: agentSeconds, value: { node, devices } });

/** Of a kernel; it has no expiry while the kernel runs. */
export const kernelPayload = (kernel: string, metrics: MetricSet): StatPayload => ({
  key: kernel,
  expirySeconds: null,
  value: metrics,
});

/** Of a container's processes, by their ids on the host. */
export const processPayload = (container: string, processes: ReadonlyMap<number, MetricSet>): StatPayload => ({
  key: container,
  expirySeconds: processSeconds,
  value: processes,
});
