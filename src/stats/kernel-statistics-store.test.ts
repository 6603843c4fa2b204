import { describe, expect, it } from 'vitest';
import { Decimal } from '../lib/decimal.ts';
import { asContainerId, parseKernelId, parseSessionId } from '../lib/ids.ts';
import { type ContainerSample, emptySample } from './container-sample.ts';
import { KernelStatisticsStore, type StatsTarget } from './kernel-statistics-store.ts';
import { definitionOf } from './measure.ts';

const kernelId = parseKernelId('11111111-2222-4333-8444-555555555555');
const targetOf = (containerId: string): StatsTarget => ({
  kernelId,
  sessionId: parseSessionId(kernelId),
  containerId: asContainerId(containerId),
  scratchLimitBytes: null,
});
const first = targetOf('a');
const sample = (figures: Partial<ContainerSample>): ContainerSample => ({ ...emptySample, ...figures });
function round(book: KernelStatisticsStore, target: StatsTarget, figures: Partial<ContainerSample>, at: number) {
  const taken = { at, now: 1_000_000 + at, scratchBytes: null, scratchAtLeast: null, killed: [] };
  return book.enterRound(target, sample(figures), taken);
}

describe('the book of kernels', () => {
  it('gives rates over the last rounds, not over the moments between two readers', () => {
    const book = new KernelStatisticsStore([]);
    round(book, first, { cpuMicroseconds: 1_000_000, receivedBytes: 0 }, 0);
    expect(book.figures(kernelId)).toMatchObject({ cpuSeconds: 1, cpuCores: null, receivedBytesPerSecond: null });
    round(book, first, { cpuMicroseconds: 3_000_000, receivedBytes: 5000 }, 5000);
    expect(book.figures(kernelId)).toMatchObject({ cpuCores: 0.4, receivedBytesPerSecond: 1000 });
    const taken = { at: 5100, now: 0, scratchBytes: null };
    book.enter(first, sample({ cpuMicroseconds: 3_100_000, receivedBytes: 5000 }), taken);
    expect(book.figures(kernelId)).toMatchObject({ cpuSeconds: 3.1, cpuCores: 0.412 });
    book.enter(first, sample({ cpuMicroseconds: 4_000_000, receivedBytes: 5000 }), { ...taken, at: 7000 });
    expect(book.figures(kernelId)).toMatchObject({ cpuCores: 0.5, receivedBytesPerSecond: 0 });
  });

  it('has what is used of devices until their plugins say nothing of it any more', () => {
    const book = new KernelStatisticsStore([]);
    const taken = (key: string, value: number, hook: 'rate' | null = null) => ({
      key,
      definition: definitionOf({ unit: 'bytes', filter: new Set(['max']), hook }, true),
      value: new Decimal(value),
      capacity: hook ? null : new Decimal(10),
    });
    const keys = new Set(['npu_mem', 'npu_energy']);
    book.enterDevices(kernelId, { fresh: [taken('npu_mem', 3)], keys }, 0);
    expect(book.figures(kernelId)).toBeNull();
    round(book, first, { cpuMicroseconds: 0 }, 0);
    book.enterDevices(kernelId, { fresh: [taken('npu_mem', 4), taken('npu_energy', 100, 'rate')], keys }, 0);
    round(book, first, { cpuMicroseconds: 0 }, 5000);
    book.enterDevices(kernelId, { fresh: [taken('npu_mem', 2), taken('npu_energy', 150, 'rate')], keys }, 5);
    expect(book.figures(kernelId)?.devices).toEqual([
      { measure: 'npu_mem', unit: 'bytes', value: 2, capacity: 10 },
      { measure: 'npu_energy', unit: 'bytes', value: 10, capacity: 100 },
    ]);
    expect(book.metrics(kernelId)).toMatchObject({ npu_mem: { current: '2', pct: '20', 'stats.max': '4' } });
    book.enterDevices(kernelId, { fresh: [], keys: new Set(['npu_mem']) }, 10);
    expect(book.figures(kernelId)?.devices.map(({ measure }) => measure)).toEqual(['npu_mem']);
    book.enterDevices(kernelId, { fresh: [], keys: new Set() }, 15);
    expect([book.figures(kernelId)?.devices, Object.keys(book.metrics(kernelId) ?? {})]).toEqual([
      [],
      expect.not.arrayContaining(['npu_mem']),
    ]);
  });

  it('goes on over a new container of the kernel, without a burst', () => {
    const book = new KernelStatisticsStore([]);
    round(book, first, { cpuMicroseconds: 2_000_000 }, 0);
    round(book, first, { cpuMicroseconds: 4_000_000 }, 5000);
    round(book, targetOf('b'), { cpuMicroseconds: 500_000 }, 10_000);
    expect(book.figures(kernelId)).toMatchObject({ cpuSeconds: 4.5, cpuCores: 0.1 });
    expect(book.metrics(kernelId)).toMatchObject({ cpu_used: { current: '4500' }, cpu_util: { current: '100' } });
  });

  it('goes on with the account of an earlier process, and tells of no kill twice', () => {
    const before = new KernelStatisticsStore([]);
    const kills = { cpuMicroseconds: 2_000_000, outOfMemoryKills: 1 };
    expect(before.countsKills(first, sample(kills))).toBe(true);
    expect(round(before, first, kills, 0)).toMatchObject([{ kind: 'out-of-memory', count: 1 }]);
    expect(before.countsKills(first, sample(kills))).toBe(false);

    const book = new KernelStatisticsStore([...before.accounts()]);
    expect(book.abandoned(() => true)).toEqual([]);
    const overuse = [{ kind: 'out-of-memory', count: 1 }];
    expect(book.usage(kernelId)).toMatchObject({ cpuSeconds: 2, outOfMemoryKills: 1, overuse });
    expect(book.countsKills(first, sample(kills))).toBe(false);
    expect(round(book, first, kills, 0)).toEqual([]);
    expect(round(book, first, { cpuMicroseconds: 3_000_000, outOfMemoryKills: 3 }, 5000)).toMatchObject([{ count: 3 }]);
    expect(round(book, targetOf('b'), { cpuMicroseconds: 1, outOfMemoryKills: 0 }, 10_000)).toEqual([]);
    expect(book.figures(kernelId)).toMatchObject({ outOfMemoryKills: 3, cpuSeconds: 3.000001 });
  });

  it('goes on with over-use that lasts, which has not begun again, and ends', () => {
    const before = new KernelStatisticsStore([]);
    const [full, empty] = [96, 10].map((memoryBytes) => ({ memoryBytes, memoryLimitBytes: 100 })) as [object, object];
    expect(round(before, first, full, 0)).toMatchObject([{ kind: 'memory', count: 1 }]);
    const book = new KernelStatisticsStore([...before.accounts()]);
    expect(round(book, first, full, 0)).toEqual([]);
    expect(book.figures(kernelId)?.overuse).toMatchObject([{ kind: 'memory', count: 1 }]);
    expect(round(book, first, empty, 5000)).toEqual([]);
    expect(round(book, first, full, 100_000)).toMatchObject([{ kind: 'memory', count: 2 }]);
  });

  it('knows of accounts whose kernels are gone, and forgets', () => {
    const before = new KernelStatisticsStore([]);
    round(before, first, { cpuMicroseconds: 5 }, 0);
    const book = new KernelStatisticsStore([...before.accounts()]);
    expect(book.abandoned(() => false)).toEqual([kernelId]);
    book.forget(kernelId);
    expect([book.usage(kernelId), [...book.accounts()]]).toEqual([null, []]);
    before.keep(() => false);
    expect([before.usage(kernelId), before.metrics(kernelId), [...before.accounts()]]).toEqual([null, null, []]);
  });

  it('leaves out of the metrics what is not known', () => {
    const book = new KernelStatisticsStore([]);
    round(book, first, { memoryBytes: 5, memoryLimitBytes: 10 }, 0);
    expect(Object.keys(book.metrics(kernelId) ?? {})).toEqual(['mem', 'io_scratch_size']);
  });
});
