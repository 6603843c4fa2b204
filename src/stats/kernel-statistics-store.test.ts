import { describe, expect, it } from 'vitest';
import { asContainerId, parseKernelId, parseSessionId } from '../lib/ids.ts';
import { type ContainerSample, emptySample } from './container-sample.ts';
import { KernelStatisticsStore, type StatsTarget } from './kernel-statistics-store.ts';

const kernelId = parseKernelId('11111111-2222-4333-8444-555555555555');
const targetOf = (containerId: string): StatsTarget => ({
  kernelId,
  sessionId: parseSessionId(kernelId),
  containerId: asContainerId(containerId),
  scratchLimitBytes: null,
});
const first = targetOf('a');
const sample = (figures: Partial<ContainerSample>): ContainerSample => ({ ...emptySample, ...figures });
function round(store: KernelStatisticsStore, target: StatsTarget, figures: Partial<ContainerSample>, at: number) {
  const context = { at, now: 1_000_000 + at, scratchBytes: null, minScratchBytes: null, isDiskFull: false, killed: [] };
  return store.addRound(target, sample(figures), context);
}

describe('the statistics of kernels', () => {
  it('gives rates over the last rounds, not over the moments between two readers', () => {
    const store = new KernelStatisticsStore([]);
    round(store, first, { cpuMicroseconds: 1_000_000, receivedBytes: 0 }, 0);
    expect(store.figures(kernelId, [])).toMatchObject({ cpuSeconds: 1, cpuCores: null, receivedBytesPerSecond: null });
    round(store, first, { cpuMicroseconds: 3_000_000, receivedBytes: 5000 }, 5000);
    expect(store.figures(kernelId, [])).toMatchObject({ cpuCores: 0.4, receivedBytesPerSecond: 1000 });
    const context = { at: 5100, now: 0, scratchBytes: null };
    store.add(first, sample({ cpuMicroseconds: 3_100_000, receivedBytes: 5000 }), context);
    expect(store.figures(kernelId, [])).toMatchObject({ cpuSeconds: 3.1, cpuCores: 0.412 });
    store.add(first, sample({ cpuMicroseconds: 4_000_000, receivedBytes: 5000 }), { ...context, at: 7000 });
    expect(store.figures(kernelId, [])).toMatchObject({ cpuCores: 0.5, receivedBytesPerSecond: 0 });
  });

  it('goes on over a new container of the kernel, without a burst', () => {
    const store = new KernelStatisticsStore([]);
    round(store, first, { cpuMicroseconds: 2_000_000 }, 0);
    round(store, first, { cpuMicroseconds: 4_000_000 }, 5000);
    round(store, targetOf('b'), { cpuMicroseconds: 500_000 }, 10_000);
    expect(store.figures(kernelId, [])).toMatchObject({ cpuSeconds: 4.5, cpuCores: 0.1 });
  });

  it('goes on with the account of an earlier process, and reports no kill twice', () => {
    const before = new KernelStatisticsStore([]);
    const kills = { cpuMicroseconds: 2_000_000, outOfMemoryKills: 1 };
    expect(before.countsKills(first, sample(kills))).toBe(true);
    expect(round(before, first, kills, 0)).toMatchObject([{ kind: 'out-of-memory', count: 1 }]);
    expect(before.countsKills(first, sample(kills))).toBe(false);

    const store = new KernelStatisticsStore([...before.accounts()]);
    expect(store.abandoned(() => true)).toEqual([]);
    const overuse = [{ kind: 'out-of-memory', count: 1 }];
    expect(store.usage(kernelId)).toMatchObject({ cpuSeconds: 2, outOfMemoryKills: 1, overuse });
    expect(store.countsKills(first, sample(kills))).toBe(false);
    expect(round(store, first, kills, 0)).toEqual([]);
    expect(round(store, first, { cpuMicroseconds: 3_000_000, outOfMemoryKills: 3 }, 5000)).toMatchObject([
      { count: 3 },
    ]);
    expect(round(store, targetOf('b'), { cpuMicroseconds: 1, outOfMemoryKills: 0 }, 10_000)).toEqual([]);
    expect(store.figures(kernelId, [])).toMatchObject({ outOfMemoryKills: 3, cpuSeconds: 3.000001 });
  });

  it('goes on with over-use that lasts, which has not begun again, and ends', () => {
    const before = new KernelStatisticsStore([]);
    const [full, empty] = [96, 10].map((memoryBytes) => ({ memoryBytes, memoryLimitBytes: 100 })) as [object, object];
    expect(round(before, first, full, 0)).toMatchObject([{ kind: 'memory', count: 1 }]);
    const store = new KernelStatisticsStore([...before.accounts()]);
    expect(round(store, first, full, 0)).toEqual([]);
    expect(store.figures(kernelId, [])?.overuse).toMatchObject([{ kind: 'memory', count: 1 }]);
    expect(round(store, first, empty, 5000)).toEqual([]);
    expect(round(store, first, full, 100_000)).toMatchObject([{ kind: 'memory', count: 2 }]);
  });

  it('knows of accounts whose kernels are gone, and forgets', () => {
    const before = new KernelStatisticsStore([]);
    round(before, first, { cpuMicroseconds: 5 }, 0);
    const store = new KernelStatisticsStore([...before.accounts()]);
    expect(store.abandoned(() => false)).toEqual([kernelId]);
    store.forget(kernelId);
    expect([store.usage(kernelId), [...store.accounts()]]).toEqual([null, []]);
    before.forget(kernelId);
    expect([before.usage(kernelId), before.reading(kernelId), [...before.accounts()]]).toEqual([null, null, []]);
  });

  it('has the counters of all containers, and the levels of this one, for whoever reads a kernel', () => {
    const store = new KernelStatisticsStore([]);
    expect(store.reading(kernelId)).toBeNull();
    round(store, first, { cpuMicroseconds: 5, memoryBytes: 9 }, 0);
    round(store, targetOf('b'), { cpuMicroseconds: 2, memoryBytes: 4 }, 5000);
    expect(store.reading(kernelId)).toMatchObject({
      at: 5000,
      counters: { cpuMicroseconds: 7, readBytes: null },
      sample: { memoryBytes: 4 },
    });
  });

  it('leaves out what went through a network before its kernel had it', () => {
    const store = new KernelStatisticsStore([]);
    const target = { ...first, networkBefore: { receivedBytes: 100, sentBytes: 7 } };
    round(store, target, { receivedBytes: 150, sentBytes: 5, cpuMicroseconds: 1 }, 0);
    expect(store.figures(kernelId, [])).toMatchObject({ receivedBytes: 50, sentBytes: 0, readBytes: null });
  });
});
