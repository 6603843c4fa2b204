import { expect, it } from 'vitest';
import type { DeviceMeasureKind } from '../../devices/device-plugin.ts';
import { systemClock } from '../../lib/clock.ts';
import { type KernelId, parseKernelId } from '../../lib/ids.ts';
import { type ContainerSample, emptySample } from '../../stats/container-sample.ts';
import type { DeviceReadings } from '../../stats/device-figures.ts';
import type { ProcessReading, StatisticsRound } from '../../stats/statistics-round.ts';
import { decodePlain } from '../wire/extension.ts';
import { ClusterStatistics, type StatisticsWriter } from './cluster-statistics.ts';

const { signal } = new AbortController();

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

const none: DeviceReadings = { fresh: [], keys: new Set() };
const kernelId = parseKernelId('11111111-2222-4333-8444-555555555555');
const other = parseKernelId('22222222-2222-4333-8444-555555555555');
const reading = (id: KernelId, at: number, figures: Partial<ContainerSample>, devices = none) => {
  const sample = { ...emptySample, ...figures };
  return { kernelId: id, at, counters: sample, sample, devices };
};
const processes = async function* (
  memoryBytes: number,
  devices = none,
): AsyncGenerator<readonly [string, ReadonlyMap<number, ProcessReading>]> {
  const sample = { cpuMicroseconds: 0, memoryBytes, readBytes: null, writtenBytes: null, at: 1, devices };
  yield ['c1', new Map([[4321, sample]])];
};
const roundAt = (at: number, kernels: StatisticsRound['kernels'], more: Partial<StatisticsRound> = {}) => ({
  at,
  node: [{ figure: 'memoryBytes' as const, value: 3, capacity: 6, parts: new Map(), at }],
  devices: [],
  kernels,
  processes: processes(3),
  ...more,
});
const mem = (current: string, max: string) => ({
  current,
  capacity: '6',
  pct: '50',
  unit_hint: 'bytes',
  'stats.max': max,
});
const empty = { current: '0', capacity: '0', pct: '0.00', unit_hint: 'bytes', 'stats.max': '0' };
const npu: DeviceMeasureKind = { key: 'npu_mem', unit: 'bytes', filter: ['max'], hook: null };

it('writes the figures of a round in the form that managers read', async () => {
  const writer = new Writer();
  const sample = { memoryBytes: 3, memoryLimitBytes: 6 };
  await new ClusterStatistics(writer, 'i-x', systemClock).put(roundAt(1, [reading(kernelId, 1000, sample)]), signal);
  const cpu = { current: '0', capacity: '1000', pct: '0', unit_hint: 'percent', 'stats.max': '0', 'stats.avg': '0' };
  const used = { current: '0', capacity: '0', pct: '0.00', unit_hint: 'msec' };
  expect(writer.values).toEqual(
    new Map<string, unknown>([
      ['node', { node: { mem: mem('3', '3') }, devices: { mem: { root: mem('3', '3') } } }],
      [kernelId, { mem: mem('3', '3'), io_scratch_size: empty }],
      [
        'c1',
        new Map([[4321, { cpu_util: cpu, cpu_used: used, mem: { ...mem('3', '3'), capacity: '3', pct: '100' } }]]),
      ],
    ]),
  );
});

it('keeps statistics over the rounds, and adds no sample of a kernel twice', async () => {
  const writer = new Writer();
  const sink = new ClusterStatistics(writer, 'i-x', systemClock);
  await sink.put(roundAt(1, [reading(kernelId, 1000, { memoryBytes: 9, cpuMicroseconds: 1_000_000 })]), signal);
  await sink.put(roundAt(6, [reading(kernelId, 6000, { memoryBytes: 4, cpuMicroseconds: 3_000_000 })]), signal);
  const seen = { mem: { current: '4', 'stats.max': '9' }, cpu_util: { current: '400' }, cpu_used: { current: '3000' } };
  expect(writer.values.get(kernelId)).toMatchObject(seen);
  // It could not be read in this round.
  await sink.put(roundAt(11, [reading(kernelId, 6000, { memoryBytes: 4, cpuMicroseconds: 3_000_000 })]), signal);
  expect(writer.values.get(kernelId)).toMatchObject(seen);
});

it('loses no sample to an outage of Redis', async () => {
  const writer = new Writer();
  const sink = new ClusterStatistics(writer, 'i-x', systemClock);
  writer.isDown = true;
  await expect(sink.put(roundAt(1, [reading(kernelId, 1000, { memoryBytes: 9 })]), signal)).rejects.toThrow('down');
  writer.isDown = false;
  await sink.put(roundAt(6, [reading(kernelId, 6000, { memoryBytes: 4 })]), signal);
  expect(writer.values.get(kernelId)).toMatchObject({ mem: { current: '4', 'stats.max': '9' } });
});

it('has what is used of devices until their plugins say nothing of it any more', async () => {
  const writer = new Writer();
  const sink = new ClusterStatistics(writer, 'i-x', systemClock);
  const measure = (at: number, value: number) => ({
    ...npu,
    at,
    node: { value, capacity: 10 },
    devices: new Map([['n0', { value, capacity: 10 }]]),
    kernels: new Map(),
    processes: new Map(),
  });
  const put = (
    at: number,
    fresh: DeviceReadings['fresh'],
    keys: readonly string[],
    measures: StatisticsRound['devices'],
  ) => {
    const of = { fresh, keys: new Set(keys) };
    const kernels = [reading(kernelId, at * 1000, { memoryBytes: 1 }, of)];
    return sink.put(roundAt(at, kernels, { devices: measures, processes: processes(1, of) }), signal);
  };
  const written = { current: '2', capacity: '10', pct: '20', unit_hint: 'bytes', 'stats.max': '4' };
  await put(1, [{ kind: npu, value: 4, capacity: 10 }], ['npu_mem'], [measure(1, 4)]);
  await put(6, [{ kind: npu, value: 2, capacity: 10 }], ['npu_mem'], [measure(6, 2)]);
  for (const at of [11, 16]) {
    expect(writer.values.get('node')).toMatchObject({
      node: { npu_mem: written },
      devices: { npu_mem: { n0: written } },
    });
    expect(writer.values.get(kernelId)).toMatchObject({ npu_mem: written });
    expect(writer.values.get('c1')).toEqual(new Map([[4321, expect.objectContaining({ npu_mem: written })]]));
    // The plugin missed a round: its last answer holds.
    await put(at, [], ['npu_mem'], [measure(6, 2)]);
  }
  await put(21, [], [], []);
  expect(Object.keys((writer.values.get('node') as { node: object }).node)).toEqual(['mem']);
  expect(Object.keys(writer.values.get(kernelId) as object)).toEqual(['mem', 'io_scratch_size']);
  const [[, process = {}] = []] = writer.values.get('c1') as Map<number, object>;
  expect(Object.keys(process)).not.toContain('npu_mem');
});

it('lets the figures of kernels that have ended expire, also after a failed round', async () => {
  const writer = new Writer();
  const sink = new ClusterStatistics(writer, 'i-x', systemClock);
  const [one, two] = [reading(kernelId, 1000, {}), reading(other, 1000, {})];
  await sink.put(roundAt(1, [one, two]), signal);
  expect(writer.expired).toEqual([]);
  writer.isDown = true;
  await expect(sink.put(roundAt(2, [two]), signal)).rejects.toThrow('down');
  writer.isDown = false;
  await sink.put(roundAt(3, [two]), signal);
  await sink.put(roundAt(4, [two]), signal);
  expect(writer.expired).toEqual([kernelId]);
});

it('writes the final figures of a kernel apart from rounds, without rates over no time', async () => {
  const writer = new Writer();
  const sink = new ClusterStatistics(writer, 'i-x', systemClock);
  const at = (ms: number, cpuMicroseconds: number, receivedBytes: number) =>
    reading(kernelId, ms, { cpuMicroseconds, receivedBytes });
  await sink.put(roundAt(5, [at(5000, 5e6, 7)]), signal);
  await sink.putFinal(at(5000, 9e6, 8));
  expect(writer.values.get(`last of ${kernelId}`)).toMatchObject({ cpu_used: { current: '5000' } });
  await sink.putFinal(at(6000, 9e6, 8));
  expect(writer.values.get(`last of ${kernelId}`)).toMatchObject({
    cpu_used: { current: '9000' },
    net_rx: { current: '1' },
  });
});

it('begins anew with a kernel that it was to forget', async () => {
  const writer = new Writer();
  const sink = new ClusterStatistics(writer, 'i-x', systemClock);
  await sink.putFinal(reading(kernelId, 1000, { memoryBytes: 9 }));
  sink.forget(kernelId);
  await sink.putFinal(reading(kernelId, 1500, { memoryBytes: 4 }));
  expect(writer.values.get(`last of ${kernelId}`)).toMatchObject({ mem: { current: '4', 'stats.max': '4' } });
});
