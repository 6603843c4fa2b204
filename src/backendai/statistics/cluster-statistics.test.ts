import { expect, it } from 'vitest';
import { systemClock } from '../../lib/clock.ts';
import type { CollectedMetrics } from '../../stats/statistics-sink.ts';
import { decodePlain } from '../wire/extensions/plain.ts';
import { ClusterStatistics, type StatisticsWriter } from './cluster-statistics.ts';

const { signal } = new AbortController();
const metric = { current: '1', capacity: null, pct: '0.00', unit_hint: 'bytes', 'stats.min': '1', 'stats.max': '3' };

/** Keeps what is written, decoded. */
class Writer implements StatisticsWriter {
  readonly values = new Map<string, unknown>();
  readonly expired: string[] = [];
  isDown = false;

  async writeNode(numbers: Uint8Array): Promise<void> {
    if (this.isDown) throw new Error('down');
    this.values.set('node', decodePlain(numbers));
  }
  async writeKernels(numbers: ReadonlyMap<string, Uint8Array>): Promise<void> {
    for (const [key, value] of numbers) this.values.set(key, decodePlain(value));
  }
  async writeLast(kernel: string, numbers: Uint8Array): Promise<void> {
    this.values.set(`last of ${kernel}`, decodePlain(numbers));
  }
  writeProcesses(numbers: ReadonlyMap<string, Uint8Array>): Promise<void> {
    return this.writeKernels(numbers);
  }
  async expireKernels(kernels: readonly string[]): Promise<void> {
    this.expired.push(...kernels);
  }
}

const round = (...kernels: readonly string[]): CollectedMetrics => ({
  node: { node: { mem: metric }, devices: { mem: { root: metric } } },
  kernels: new Map(kernels.map((kernel) => [kernel, { mem: metric }])),
  processes: ReadableStream.from([['c1', new Map([[4321, { mem: metric }]])] as const]),
});

it('writes the figures of a round in the form that managers read', async () => {
  const writer = new Writer();
  await new ClusterStatistics(writer, 'i-x', systemClock).put(round('k1'), signal);
  expect(writer.values).toEqual(
    new Map<string, unknown>([
      ['node', { node: { mem: metric }, devices: { mem: { root: metric } } }],
      ['k1', { mem: metric }],
      ['c1', new Map([[4321, { mem: metric }]])],
    ]),
  );
});

it('lets the figures of kernels that have ended expire, also after a failed round', async () => {
  const writer = new Writer();
  const sink = new ClusterStatistics(writer, 'i-x', systemClock);
  await sink.put(round('k1', 'k2'), signal);
  expect(writer.expired).toEqual([]);
  writer.isDown = true;
  await expect(sink.put(round('k2'), signal)).rejects.toThrow('down');
  writer.isDown = false;
  await sink.put(round('k2'), signal);
  await sink.put(round('k2'), signal);
  expect(writer.expired).toEqual(['k1']);
});

it('writes the last figures of a kernel apart from rounds', async () => {
  const writer = new Writer();
  await new ClusterStatistics(writer, 'i-x', systemClock).putLast('k1', { mem: metric });
  expect([...writer.values]).toEqual([['last of k1', { mem: metric }]]);
});
