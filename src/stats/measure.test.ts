import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { Decimal } from '../lib/decimal.ts';
import { emptySample } from './container-sample.ts';
import { containerMeasures, definitionOf, processMeasures } from './measure.ts';
import { nodeMeasures } from './measure-kinds.ts';
import { MetricStore } from './metric-store.ts';

interface Round {
  readonly perf_counter: number;
  readonly inputs: Readonly<Record<string, string | readonly [string, string]>>;
  readonly redis: Readonly<Record<string, { readonly decoded: unknown }>>;
}
const { rounds } = JSON.parse(
  readFileSync(path.resolve(import.meta.dirname, '../../test/vectors/events/stats-24.09.json'), 'utf8'),
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
    for (const { key, definition, ...measured } of containerMeasures(sample, sample, null)) {
      kernels.enter(kernel, key, definition, measured, at);
    }
    expect(kernels.written(kernel)).toMatchObject(withoutFirst(round.redis[kernel]?.decoded, index === 0) as object);
    expect(Object.keys(kernels.written(kernel) ?? {})).toEqual(Object.keys(round.redis[kernel]?.decoded as object));

    const { cpuMicroseconds, memoryBytes } = sample;
    const process = { cpuMicroseconds, memoryBytes, readBytes: null, writtenBytes: null };
    for (const { key, definition, ...measured } of processMeasures(process)) {
      processes.enter('4321', key, definition, measured, at);
    }
    const decoded = round.redis[container]?.decoded as { $map: [number, object][] };
    expect(processes.written('4321')).toMatchObject(withoutFirst(decoded.$map[0]?.[1], index === 0) as object);
  }
});

it('makes the metrics of the node that upstream makes of the same measurements', () => {
  const book = new MetricStore();
  const definitions = {
    cpu_util: definitionOf(nodeMeasures.cpu_util, false),
    mem: definitionOf(nodeMeasures.mem, false),
    net_rx: definitionOf(nodeMeasures.net_rx, false),
  };
  for (const [index, round] of rounds.entries()) {
    const [cpu = '', cpuCapacity = ''] = round.inputs['node cpu_util (value, capacity)'] as readonly string[];
    const measured = {
      cpu_util: { value: new Decimal(cpu), capacity: new Decimal(cpuCapacity) },
      mem: {
        value: new Decimal(numberIn(round, 'node mem')),
        capacity: new Decimal(numberIn(round, 'node mem capacity')),
      },
      net_rx: { value: new Decimal(numberIn(round, 'node net_rx (no capacity)')), capacity: null },
    };
    for (const key of ['cpu_util', 'mem', 'net_rx'] as const) {
      book.enter('node', key, definitions[key], measured[key], round.perf_counter);
    }
    const { node = {} } = (round.redis['i-vector01']?.decoded ?? {}) as { node?: object };
    expect(Object.keys(node)).toEqual(['cpu_util', 'mem', 'net_rx']);
    expect(book.written('node')).toMatchObject(withoutFirst(node, index === 0) as object);
  }
});
