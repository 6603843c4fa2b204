import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { emptySample } from '../../stats/container-sample.ts';
import { reservedMeasures } from '../../stats/device-figures.ts';
import type { NodeReading } from '../../stats/node-figures.ts';
import { kernelMetrics, kernelValues, nodeMetrics, nodeValue, processValues } from './manager-metrics.ts';
import { MetricStore } from './metric.ts';

interface Round {
  readonly perf_counter: number;
  readonly inputs: Readonly<Record<string, string | readonly [string, string]>>;
  readonly redis: Readonly<Record<string, { readonly decoded: unknown }>>;
}
const { rounds } = JSON.parse(
  readFileSync(path.resolve(import.meta.dirname, '../../../test/vectors/events/stats-24.09.json'), 'utf8'),
) as { rounds: readonly Round[] };
const kernel = '11111111-2222-4333-8444-555555555555';
const container = 'f0e1d2c3b4a5968778695a4b3c2d1e0ff0e1d2c3b4a5968778695a4b3c2d1e0f';
const numberIn = (round: Round, name: string): number => Number(round.inputs[name]);

/** 24.09 shows the first value of a hooked metric raw; this agent shows what the hook says, as later releases do. */
const hooked = ['cpu_util', 'net_rx'];
const withoutFirst = (decoded: unknown, first: boolean): unknown =>
  first
    ? Object.fromEntries(
        Object.entries(decoded as object).map(([key, metric]) => [key, hooked.includes(key) ? {} : metric]),
      )
    : decoded;

it('makes the metrics of kernels and processes that upstream makes of the same measurements', () => {
  const kernels = new MetricStore();
  const processes = new MetricStore();
  for (const [index, round] of rounds.entries()) {
    const at = round.perf_counter;
    const sample = {
      ...emptySample,
      cpuMicroseconds: Math.round(numberIn(round, 'container cpu ms') * 1000),
      memoryBytes: numberIn(round, 'container mem'),
      memoryLimitBytes: numberIn(round, 'container mem capacity'),
      readBytes: numberIn(round, 'container io_read'),
    };
    for (const { key, definition, ...amount } of kernelValues({ counters: sample, sample })) {
      kernels.add(kernel, key, definition, amount, at);
    }
    expect(kernels.written(kernel)).toMatchObject(withoutFirst(round.redis[kernel]?.decoded, index === 0) as object);
    expect(Object.keys(kernels.written(kernel) ?? {})).toEqual(Object.keys(round.redis[kernel]?.decoded as object));

    const { cpuMicroseconds, memoryBytes } = sample;
    const process = { cpuMicroseconds, memoryBytes, readBytes: null, writtenBytes: null };
    for (const { key, definition, ...amount } of processValues(process)) {
      processes.add('4321', key, definition, amount, at);
    }
    const decoded = round.redis[container]?.decoded as { $map: [number, object][] };
    expect(processes.written('4321')).toMatchObject(withoutFirst(decoded.$map[0]?.[1], index === 0) as object);
  }
});

it('makes the metrics of the node that upstream makes of the same measurements', () => {
  const store = new MetricStore();
  for (const [index, round] of rounds.entries()) {
    const [cpu = '', cpuCapacity = ''] = round.inputs['node cpu_util (value, capacity)'] as readonly string[];
    const parts = new Map();
    const readings: readonly NodeReading[] = [
      { figure: 'cpuSeconds', value: Number(cpu) / 1000, capacity: Number(cpuCapacity) / 1000, parts },
      {
        figure: 'memoryBytes',
        value: numberIn(round, 'node mem'),
        capacity: numberIn(round, 'node mem capacity'),
        parts,
      },
      { figure: 'receivedBytes', value: numberIn(round, 'node net_rx (no capacity)'), capacity: null, parts },
    ];
    for (const reading of readings) {
      const { key, definition, devices, ...amount } = nodeValue(reading);
      store.add('node', key, definition, amount, round.perf_counter);
      expect([...devices.keys()]).toEqual({ cpu_util: [], mem: ['root'], net_rx: ['node'] }[key as 'mem']);
    }
    const { node = {} } = (round.redis['i-vector01']?.decoded ?? {}) as { node?: object };
    expect(Object.keys(node)).toEqual(['cpu_util', 'mem', 'net_rx']);
    expect(store.written('node')).toMatchObject(withoutFirst(node, index === 0) as object);
  }
});

it('writes CPU time of the node in milliseconds, without what floating point leaves behind', () => {
  const { value, capacity } = nodeValue({ figure: 'cpuSeconds', value: 1.1, capacity: 5.0004, parts: new Map() });
  expect([value.toFixed(), capacity?.toFixed()]).toEqual(['1100', '5000.4']);
});

it('leaves out of a kernel’s metrics what is not known, but for the size of its folder', () => {
  const sample = { ...emptySample, memoryBytes: 5, memoryLimitBytes: 10 };
  expect(kernelValues({ counters: sample, sample }).map(({ key }) => key)).toEqual(['mem', 'io_scratch_size']);
});

it('uses no key that a plugin of devices could use', () => {
  const keys = [...Object.keys(nodeMetrics), ...Object.keys(kernelMetrics)];
  expect([...reservedMeasures].sort()).toEqual([...new Set(keys)].sort());
});
