/**
 * Statistics for managers: what a round has collected, put into their metrics, encoded and written to Redis
 * (spec cluster-state 4.2, in the form of resources-and-stats 13.5).
 */
import type { Clock } from '../../lib/clock.ts';
import { YieldBudget } from '../../lib/yield-budget.ts';
import type { DeviceReadings } from '../../stats/device-figures.ts';
import type { KernelReading } from '../../stats/kernel-statistics-store.ts';
import type { ProcessReading, StatisticsRound, StatisticsSink } from '../../stats/statistics-round.ts';
import type { RedisStatistics } from '../redis/statistics-keys.ts';
import { encodeMsgpack } from '../wire/msgpack/encode.ts';
import type { MsgpackValue } from '../wire/msgpack/value.ts';
import {
  deviceAmounts,
  deviceValue,
  kernelMetrics,
  kernelValues,
  nodeValue,
  processValues,
} from './manager-metrics.ts';
import { MetricStore, type WrittenMetrics } from './metric.ts';

/** The writer of `backendai/redis/`, or a test's. */
export type StatisticsWriter = Pick<
  RedisStatistics,
  'writeNode' | 'writeKernels' | 'writeLast' | 'writeProcesses' | 'expireKernels'
>;

const nodeId = 'node';
/** Rates over less than this jump about. */
const minRateMs = 900;

/** The sink of a node in a cluster. */
export class ClusterStatistics implements StatisticsSink {
  readonly #writer: StatisticsWriter;
  readonly #agentId: string;
  readonly #clock: Clock;
  readonly #node = new MetricStore();
  /** Of the node's devices: by metric, then by device. */
  readonly #devices = new MetricStore();
  readonly #kernels = new MetricStore();
  /** Monotonic milliseconds of the sample that was added last, by kernel. */
  readonly #sampledAt = new Map<string, number>();
  /** By container, then by process. */
  readonly #processes = new Map<string, MetricStore>();
  /** Kernels whose figures are there without an expiry. */
  #written: ReadonlySet<string> = new Set();
  /** Kernels that have ended since the last round: an earlier process may have written figures of theirs. */
  readonly #ended = new Set<string>();

  constructor(writer: StatisticsWriter, agentId: string, clock: Clock) {
    this.#writer = writer;
    this.#agentId = agentId;
    this.#clock = clock;
  }

  /**
   * Throws REDIS_UNAVAILABLE, REDIS_REFUSED, and the signal's reason; what is missing then comes with the next round.
   */
  async put(round: StatisticsRound, signal: AbortSignal): Promise<void> {
    const { at } = round;
    this.#addNode(round);
    // All are added before anything is written: an outage of Redis leaves no hole in rates and averages.
    const payloads = await this.#collected(round.kernels, signal, (reading) => this.#addKernel(reading, at));
    await this.#writer.writeNode(this.#nodePayload());
    await this.#writer.writeKernels(payloads);
    const processes = await this.#collected(round.processes, signal, ([container, of]) => [
      container,
      encoded(processPayload(container, this.#addProcesses(container, of, at))),
    ]);
    for (const container of this.#processes.keys()) if (!processes.has(container)) this.#processes.delete(container);
    await this.#writer.writeProcesses(processes);
    const over = new Set([...this.#written, ...this.#ended].filter((kernel) => !payloads.has(kernel)));
    await this.#writer.expireKernels([...over]);
    for (const kernel of over) this.#ended.delete(kernel);
    this.#written = new Set(payloads.keys());
  }

  /** A manager reads them when it hears of the kernel's end (B47). Throws REDIS_UNAVAILABLE, REDIS_REFUSED. */
  async putFinal(reading: KernelReading): Promise<void> {
    const { kernelId } = reading;
    if (reading.at - (this.#sampledAt.get(kernelId) ?? Number.NEGATIVE_INFINITY) >= minRateMs) this.#add(reading);
    await this.#writer.writeLast(kernelId, encoded(kernelPayload(kernelId, this.#kernels.written(kernelId) ?? {})));
  }

  forget(kernelId: string): void {
    this.#kernels.forget(kernelId);
    this.#sampledAt.delete(kernelId);
    this.#ended.add(kernelId);
  }

  #addNode({ node, devices, at }: StatisticsRound): void {
    const measured = [
      ...node.map((reading) => ({ ...nodeValue(reading), isFresh: reading.at === at })),
      ...devices.map((measure) => ({
        ...deviceValue(measure, measure.node, false),
        devices: deviceAmounts(measure.devices),
        isFresh: measure.at === at,
      })),
    ];
    for (const { key, definition, devices: ofDevices, isFresh, ...amount } of measured) {
      if (!isFresh) continue;
      this.#node.add(nodeId, key, definition, amount, at);
      for (const [device, of] of ofDevices) this.#devices.add(key, device, definition, of, at);
      this.#devices.keepOf(key, (device) => ofDevices.has(device));
    }
    const held = new Set(measured.map(({ key }) => key));
    this.#node.keepOf(nodeId, (key) => held.has(key));
    this.#devices.keep((key) => held.has(key));
  }

  #nodePayload(): Uint8Array {
    const devices = [...this.#devices.ids()].map((key) => [key, this.#devices.written(key) ?? {}] as const);
    return encoded(agentPayload(this.#agentId, this.#node.written(nodeId) ?? {}, Object.fromEntries(devices)));
  }

  #addKernel(reading: KernelReading & { readonly devices: DeviceReadings }, at: number): readonly [string, Uint8Array] {
    const { kernelId, devices } = reading;
    // A kernel that could not be read in this round has the sample of an earlier one.
    if (this.#sampledAt.get(kernelId) !== reading.at) this.#add(reading);
    this.#addDevices(this.#kernels, kernelId, devices, at);
    this.#kernels.keepOf(kernelId, (key) => key in kernelMetrics || devices.keys.has(key));
    return [kernelId, encoded(kernelPayload(kernelId, this.#kernels.written(kernelId) ?? {}))];
  }

  #add(reading: KernelReading): void {
    const { kernelId, at } = reading;
    this.#sampledAt.set(kernelId, at);
    for (const { key, definition, ...amount } of kernelValues(reading)) {
      this.#kernels.add(kernelId, key, definition, amount, at / 1000);
    }
  }

  #addProcesses(
    container: string,
    readings: ReadonlyMap<number, ProcessReading>,
    at: number,
  ): ReadonlyMap<number, WrittenMetrics> {
    const store = this.#processes.get(container) ?? new MetricStore();
    this.#processes.set(container, store);
    store.keep((id) => readings.has(Number(id)));
    const written = new Map<number, WrittenMetrics>();
    for (const [pid, reading] of readings) {
      const id = String(pid);
      for (const { key, definition, ...amount } of processValues(reading)) {
        store.add(id, key, definition, amount, reading.at);
      }
      this.#addDevices(store, id, reading.devices, at);
      store.keepOf(id, (key) => key in kernelMetrics || reading.devices.keys.has(key));
      written.set(pid, store.written(id) ?? {});
    }
    return written;
  }

  #addDevices(store: MetricStore, id: string, { fresh }: DeviceReadings, at: number): void {
    for (const { kind, ...measured } of fresh) {
      const { key, definition, ...amount } = deviceValue(kind, measured, true);
      store.add(id, key, definition, amount, at);
    }
  }

  async #collected<T>(
    readings: Iterable<T> | AsyncIterable<T>,
    signal: AbortSignal,
    add: (reading: T) => readonly [id: string, payload: Uint8Array],
  ): Promise<ReadonlyMap<string, Uint8Array>> {
    const budget = new YieldBudget({ clock: this.#clock });
    const all = new Map<string, Uint8Array>();
    for await (const reading of readings) {
      await budget.yieldIfSpent(signal);
      all.set(...add(reading));
    }
    return all;
  }
}

function encoded({ value }: StatPayload): Uint8Array {
  return encodeMsgpack(value as MsgpackValue);
}

/** A value of the statistics database, to be written as MessagePack. */
export interface StatPayload {
  readonly key: string;
  /** Null: it stays until somebody deletes it, so that the manager can read a kernel's last figures. */
  readonly expirySeconds: number | null;
  /** Texts, numbers and null in maps; a Map where keys are numbers. */
  readonly value: Readonly<Record<string, unknown>> | ReadonlyMap<number, WrittenMetrics>;
}

const agentSeconds = 120;
const processSeconds = 8;

/** Of a node: its own metrics, and those of its devices by metric and device. */
export const agentPayload = (
  agent: string,
  node: WrittenMetrics,
  devices: Readonly<Record<string, WrittenMetrics>>,
): StatPayload => ({ key: agent, expirySeconds: agentSeconds, value: { node, devices } });

/** Of a kernel; it has no expiry while the kernel runs. */
export const kernelPayload = (kernel: string, metrics: WrittenMetrics): StatPayload => ({
  key: kernel,
  expirySeconds: null,
  value: metrics,
});

/** Of a container's processes, by their ids on the host. */
export const processPayload = (container: string, processes: ReadonlyMap<number, WrittenMetrics>): StatPayload => ({
  key: container,
  expirySeconds: processSeconds,
  value: processes,
});
