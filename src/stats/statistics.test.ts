import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { maxBlock } from '../../test/support/own-time.ts';
import { systemClock } from '../lib/clock.ts';
import { asContainerId, parseKernelId, parseSessionId } from '../lib/ids.ts';
import { silentLogger } from '../lib/log.ts';
import { type ContainerSample, emptySample } from './container-sample.ts';
import type { ContainerSource } from './container-source.ts';
import type { KernelReading, StatsTarget } from './kernel-statistics-store.ts';
import { NodeFigures } from './node-figures.ts';
import { OomLog } from './oom-log.ts';
import { OpenFileCache } from './open-file-cache.ts';
import type { Overuse } from './overuse.ts';
import { ProcessReader } from './process-reader.ts';
import { Statistics, type StatisticsParts } from './statistics.ts';
import type { ProcessReading, StatisticsSink } from './statistics-round.ts';

const signal = new AbortController().signal;
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'kernelet-statistics-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const targetOf = (index: number, generation = 1): StatsTarget => {
  const kernelId = parseKernelId(`00000000-0000-4000-8000-${String(index).padStart(12, '0')}`);
  return {
    kernelId,
    sessionId: parseSessionId(kernelId),
    containerId: asContainerId(`c${index}.${generation}`),
    scratchLimitBytes: null,
  };
};

/** A source whose figures tests set; a container without is gone. */
class PlantedSource implements ContainerSource {
  readonly samples = new Map<string, Partial<ContainerSample>>();
  readonly forgotten: string[] = [];
  disposed = false;
  async open(): Promise<void> {}
  read(containerId: string): ContainerSample | null {
    const figures = this.samples.get(containerId);
    return figures ? { ...emptySample, ...figures } : null;
  }
  pids(): readonly number[] {
    return [process.pid, 2 ** 22 + 1];
  }
  forget(containerId: string): void {
    this.forgotten.push(containerId);
  }
  keep(): void {}
  [Symbol.dispose](): void {
    this.disposed = true;
  }
}

interface Rig extends AsyncDisposable {
  readonly statistics: Statistics;
  readonly source: PlantedSource;
  readonly clock: FakeClock;
  readonly targets: StatsTarget[];
  readonly reported: Overuse[];
}
async function rig(more: Partial<StatisticsParts> = {}): Promise<Rig> {
  const clock = new FakeClock();
  const source = new PlantedSource();
  const targets: StatsTarget[] = [];
  const reported: Overuse[] = [];
  const statistics = await Statistics.open({
    folder: path.join(folder, 'statistics'),
    targets: () => targets,
    isLive: (id) => targets.some(({ kernelId }) => kernelId === id),
    scratchFolder: () => '/nonexistent',
    source,
    node: new NodeFigures([]),
    devices: null,
    processes: new ProcessReader(new OpenFileCache({ maxOpen: 0 }), clock),
    killLog: new OomLog(clock, {
      open: () => 0,
      read: () => {
        throw Object.assign(new Error(), { code: 'EPERM' });
      },
      close: () => {},
    }),
    sink: null,
    onOveruse: (_, overuse) => reported.push(overuse),
    periodMs: 5000,
    adaptive: false,
    clock,
    log: silentLogger,
    ...more,
  });
  return {
    statistics,
    source,
    clock,
    targets,
    reported,
    [Symbol.asyncDispose]: () => statistics[Symbol.asyncDispose](),
  };
}

describe('a round', () => {
  it('reads every kernel, leaves out what has vanished, and reports over-use', async () => {
    await using made = await rig();
    made.targets.push(targetOf(1), targetOf(2));
    made.source.samples.set('c1.1', {
      cpuMicroseconds: 5e6,
      outOfMemoryKills: 1,
      missing: [{ source: 'disk', reason: 'x' }],
    });
    await made.statistics.round(signal);
    expect(made.statistics.latest(targetOf(1).kernelId)).toMatchObject({
      cpuSeconds: 5,
      missing: [{ source: 'disk' }],
    });
    expect(made.statistics.latest(targetOf(2).kernelId)).toBeNull();
    expect(made.reported).toMatchObject([{ kind: 'out-of-memory' }]);
    expect([...made.statistics.missingMetricCounts]).toEqual([['disk', 1]]);
  });

  it('comes at the begin and then every period, and is not ended by one that fails', async () => {
    let reads = 0;
    const source = new PlantedSource();
    source.read = () => {
      reads += 1;
      if (reads === 2) throw new Error('broken');
      return emptySample;
    };
    await using made = await rig({ source });
    made.targets.push(targetOf(1));
    made.statistics.start();
    await made.clock.advance(0);
    expect(reads).toBe(1);
    await made.clock.advance(5000);
    await made.clock.advance(5000);
    expect(reads).toBe(3);
  });

  it('gives what it read to a sink, processes included, and outlives a sink that fails', async () => {
    const kernels: KernelReading[] = [];
    const processes: (readonly [number, ProcessReading])[] = [];
    await using made = await rig({
      sink: {
        put: async (round) => {
          kernels.push(...round.kernels);
          for await (const [container, of] of round.processes) if (container === 'c1.1') processes.push(...of);
          throw new Error('the sink is away');
        },
        putFinal: async () => {},
        forget: () => {},
      },
    });
    made.targets.push(targetOf(1));
    made.source.samples.set('c1.1', { cpuMicroseconds: 5e6, memoryBytes: 3, memoryLimitBytes: 6 });
    await made.statistics.round(signal);
    await made.statistics.round(signal);
    const kernel = { kernelId: targetOf(1).kernelId, counters: { cpuMicroseconds: 5e6 }, sample: { memoryBytes: 3 } };
    expect(kernels).toMatchObject([kernel, kernel]);
    expect(processes.map(([pid]) => pid)).toEqual([process.pid, process.pid]);
    expect(processes[0]?.[1].memoryBytes).toBeGreaterThan(2 ** 20);
  });

  it('has figures of single processes for whoever asks', async () => {
    await using made = await rig();
    const processes = await made.statistics.processesOf('c1.1', signal);
    expect([...processes.keys()]).toEqual([process.pid]);
    expect(processes.get(process.pid)?.cpuSeconds).toBeGreaterThan(0.01);
  });
});

describe('the end of a kernel', () => {
  it('leaves a record of all that was seen, also since the last round', async () => {
    const final: KernelReading[] = [];
    const forgotten: string[] = [];
    const sink: StatisticsSink = {
      put: async () => {},
      putFinal: async (reading) => {
        final.push(reading);
        throw new Error('the sink is away');
      },
      forget: (kernelId) => forgotten.push(kernelId),
    };
    await using made = await rig({ sink });
    const target = targetOf(1);
    made.targets.push(target);
    made.source.samples.set('c1.1', { cpuMicroseconds: 5e6, receivedBytes: 7 });
    await made.statistics.round(signal);
    made.source.samples.set('c1.1', { cpuMicroseconds: 9e6, receivedBytes: 8 });
    await made.clock.advance(1000);
    made.statistics.takeFinalSample(target);
    expect(final).toMatchObject([{ kernelId: target.kernelId, counters: { cpuMicroseconds: 9e6, receivedBytes: 8 } }]);
    expect(forgotten).toEqual([]);
    made.targets.length = 0;
    expect(made.statistics.ended(target, 'user-requested')).toMatchObject({ cpuSeconds: 9 });
    expect(await made.statistics.finalRecords()).toMatchObject([
      { kernelId: target.kernelId, reason: 'user-requested', cpuSeconds: 9, receivedBytes: 8 },
    ]);
    expect(made.statistics.usage(target.kernelId)).toBeNull();
    expect(forgotten).toEqual([target.kernelId]);
    expect(made.statistics.ended(target, null)).toBeNull();
  });

  it('lets go of its container at once: the next round may be a minute away', async () => {
    await using made = await rig();
    made.statistics.takeFinalSample(targetOf(1));
    expect(made.source.forgotten).toEqual(['c1.1']);
    made.statistics.ended(targetOf(2), 'self-terminated');
    expect(made.source.forgotten).toEqual(['c1.1', 'c2.1']);
  });

  it('while no agent runs is noticed at the next start', async () => {
    {
      await using made = await rig();
      made.targets.push(targetOf(1), targetOf(2));
      for (const id of ['c1.1', 'c2.1']) made.source.samples.set(id, { cpuMicroseconds: 4e6 });
      await made.statistics.round(signal);
    }
    await using made = await rig();
    made.targets.push(targetOf(2));
    made.source.samples.set('c2.1', { cpuMicroseconds: 6e6 });
    made.statistics.start();
    await made.clock.advance(0);
    // Finding out what is recorded already takes real time.
    await expect
      .poll(() => made.statistics.finalRecords())
      .toMatchObject([{ kernelId: targetOf(1).kernelId, reason: null, cpuSeconds: 4 }]);
    expect(made.statistics.usage(targetOf(2).kernelId)).toMatchObject({ cpuSeconds: 6 });
  });

  it('is recorded once, also when the agent is killed before it has written the accounts anew', async () => {
    const target = targetOf(1);
    const accounts = path.join(folder, 'statistics', 'accounts.json');
    {
      await using made = await rig();
      made.targets.push(target);
      made.source.samples.set('c1.1', { cpuMicroseconds: 4e6 });
      await made.statistics.round(signal);
    }
    const before = await readFile(accounts, 'utf8');
    {
      await using made = await rig();
      made.statistics.ended(target, 'user-requested');
    }
    await writeFile(accounts, before);
    {
      await using made = await rig();
      made.statistics.start();
      await expect.poll(() => made.statistics.usage(target.kernelId)).toBeNull();
    }
    await using made = await rig();
    expect(await made.statistics.finalRecords()).toMatchObject([{ reason: 'user-requested' }]);
  });
});

describe('accounts', () => {
  it('are written once a minute and at the end, and let go of everything', async () => {
    const made = await rig();
    made.targets.push(targetOf(1));
    made.source.samples.set('c1.1', { cpuMicroseconds: 4e6 });
    made.statistics.start();
    const place = path.join(folder, 'statistics', 'accounts.json');
    await made.clock.advance(55_000);
    await expect(readFile(place)).rejects.toThrow('ENOENT');
    await made.clock.advance(6_000);
    // The write itself takes real time.
    await expect.poll(() => readFile(place, 'utf8').catch(() => '')).toContain('4000000');
    await made[Symbol.asyncDispose]();
    expect([made.source.disposed, made.clock.pending]).toEqual([true, 0]);
  });
});

describe('five hundred containers', () => {
  it('are read without holding up anything else for 10 ms, at once and again', async () => {
    await using made = await rig({ clock: systemClock });
    for (let index = 0; index < 500; index += 1) {
      made.targets.push(targetOf(index));
      made.source.samples.set(`c${index}.1`, { cpuMicroseconds: 5, memoryBytes: 3, memoryLimitBytes: 6, readBytes: 1 });
    }
    await made.statistics.round(signal);
    const longest: number[] = [];
    for (let round = 0; round < 7; round += 1) {
      longest.push((await maxBlock(() => made.statistics.round(signal))).ownMs);
    }
    // What the work holds up is in every round; a garbage collection is in some.
    expect(Math.min(...longest)).toBeLessThan(10);
    expect(await made.statistics.now(signal)).toHaveLength(500);
  });
});

describe('memory that is given back', () => {
  it('is that of one container after the other, each once, and holds up the end for two seconds at most', async () => {
    const asked: string[] = [];
    const reclaim = (containerId: string): Promise<never> => {
      asked.push(containerId);
      return new Promise(() => {});
    };
    const { statistics, clock } = await rig({ reclaim });
    for (const id of ['a', 'b', 'b']) statistics.giveBackMemory(id, () => true);
    await expect.poll(() => asked).toEqual(['a']);
    let isOver = false;
    const over = statistics[Symbol.asyncDispose]().then(() => {
      isOver = true;
    });
    await clock.advance(1_900);
    expect(isOver).toBe(false);
    await clock.advance(100);
    await over;
    expect(asked).toEqual(['a']);
  });

  it('is that of a container again that stands still once more', async () => {
    const asked: string[] = [];
    await using made = await rig({
      reclaim: async (containerId) => {
        asked.push(containerId);
        return 0;
      },
    });
    for (const id of ['a', 'a', 'b']) made.statistics.giveBackMemory(id, () => true);
    await expect.poll(() => asked).toEqual(['a', 'b']);
    made.statistics.giveBackMemory('a', () => true);
    await expect.poll(() => asked).toEqual(['a', 'b', 'a']);
  });
});
