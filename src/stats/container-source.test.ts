import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  hostOf,
  readTree,
  recordedId,
  recordedTrees,
  systemError,
  TreeCalls,
} from '../../test/support/cgroup-fixture.ts';
import { DirectSource, EngineSource, sampleOf } from './container-source.ts';

const signal = new AbortController().signal;
const idOf = (index: number): string => index.toString(16).padStart(64, '0');

/** A host with so many containers, each a copy of the recorded one. */
function crowd(name: string, count: number): TreeCalls {
  const recorded = readTree(name);
  const tree = new Map<string, string>();
  for (const [file, text] of recorded) {
    if (file.startsWith('/proc/self/')) tree.set(file, text);
    else for (let index = 0; index < count; index += 1) tree.set(ofContainer(file, index), ofContainer(text, index));
  }
  return new TreeCalls(tree);
}
const ofContainer = (text: string, index: number): string =>
  text.replaceAll(recordedId, idOf(index)).replace('/proc/4242/', `/proc/${10_000 + index}/`);
const pidOf = async (containerId: string): Promise<number> => 10_000 + Number.parseInt(containerId, 16);

describe.each(recordedTrees)('a thousand containers of %s', (name) => {
  it('are read right while any of them vanishes at any call', async () => {
    const containers = 1_000;
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 1, max: 20_000 }), { minLength: 3, maxLength: 12 }),
        fc.nat(),
        async (moments, seed) => {
          const calls = crowd(name, containers);
          const source = new DirectSource(hostOf(calls, 20_000), pidOf);
          const gone = new Set<number>();
          const due = moments.sort((left, right) => left - right);
          let count = 0;
          calls.before = (_, file) => {
            count += 1;
            if (due[0] === undefined || count < due[0]) return;
            due.shift();
            // The one that is being read, or another.
            const read = /(?:\/proc\/1|0{50})([0-9a-f]+)/.exec(file);
            const victim = seed % 2 === 0 && read ? indexIn(file) : (seed + count) % containers;
            gone.add(victim);
            for (const key of [...calls.tree.keys()]) {
              if (key.includes(idOf(victim)) || key.startsWith(`/proc/${10_000 + victim}/`)) calls.tree.delete(key);
            }
          };
          let healthy: unknown;
          for (let round = 0; round < 2; round += 1) {
            for (let index = 0; index < containers; index += 1) {
              await source.open(idOf(index), signal);
              const sample = source.read(idOf(index));
              if (sample === null) expect(gone.has(index)).toBe(true);
              healthy ??= sample ?? undefined;
              if (sample !== null) expect(sample).toEqual(healthy);
            }
          }
          expect(healthy).toMatchObject({ missing: [], memoryLimitBytes: 268_435_456 });
          for (const index of gone) expect(source.read(idOf(index))).toBeNull();
          expect(gone.size).toBeGreaterThan(0);
          source[Symbol.dispose]();
          expect(calls.left).toBe(0);
        },
      ),
      { numRuns: 1 },
    );
  }, 60_000);
});

const indexIn = (file: string): number => {
  const pid = /^\/proc\/(\d+)\//.exec(file)?.[1];
  if (pid !== undefined) return Number(pid) - 10_000;
  return Number.parseInt(/[0-9a-f]{64}/.exec(file)?.[0] ?? '0', 16);
};

describe('a direct source', () => {
  it('asks for the pid once, and again for a container that was not there', async () => {
    const calls = crowd('v2-cgroupfs', 1);
    const asked: string[] = [];
    let pid: number | null = null;
    const source = new DirectSource(hostOf(calls), async (id) => {
      asked.push(id);
      return pid;
    });
    await source.open(idOf(0), signal);
    expect(source.read(idOf(0))).toBeNull();
    pid = 10_000;
    await Promise.all([source.open(idOf(0), signal), source.open(idOf(0), signal)]);
    await source.open(idOf(0), signal);
    expect(source.read(idOf(0))).toMatchObject({ missing: [] });
    expect([asked.length, source.pids(idOf(0))]).toEqual([2, [4242]]);
    source.keep(() => false);
    expect([source.read(idOf(0)), calls.left]).toEqual([null, 0]);
  });

  it('opens a container for the others when the one that asked first has left', async () => {
    const pid = Promise.withResolvers<number>();
    const source = new DirectSource(hostOf(crowd('v2-cgroupfs', 1)), () => pid.promise);
    const leaving = new AbortController();
    const first = source.open(idOf(0), leaving.signal);
    const second = source.open(idOf(0), signal);
    leaving.abort(new Error('left'));
    await expect(first).rejects.toThrow('left');
    pid.resolve(10_000);
    await second;
    expect(source.read(idOf(0))).toMatchObject({ missing: [] });
    source[Symbol.dispose]();
  });

  it('reports an engine that fails, and a process that may not be read, as missing figures', async () => {
    const calls = crowd('v2-cgroupfs', 1);
    const failing = new DirectSource(hostOf(calls), () => Promise.reject(new Error('the engine is away')));
    await failing.open(idOf(0), signal);
    expect(failing.read(idOf(0))).toMatchObject({
      cpuMicroseconds: null,
      missing: [{ source: 'container', reason: 'the engine is away' }],
    });
    calls.before = () => {
      throw systemError('EACCES');
    };
    const forbidden = new DirectSource(hostOf(calls), pidOf);
    await forbidden.open(idOf(0), signal);
    expect(forbidden.read(idOf(0))?.missing).toEqual([
      { source: 'container', reason: expect.stringContaining('EACCES') },
    ]);
  });
});

const figures = {
  cpuNanoseconds: 1_500_000_400,
  throttledNanoseconds: null,
  cpuPeriods: 1,
  throttledPeriods: 0,
  chargedBytes: 500,
  droppableBytes: 200,
  memoryPeakBytes: 400,
  memoryLimitBytes: 1000,
  processes: 3,
  processesLimit: 64,
  readBytes: 1,
  writtenBytes: 2,
  receivedBytes: 3,
  sentBytes: 4,
};

describe('a source that asks the engine', () => {
  it('gives its figures in our words', () => {
    expect(sampleOf(figures)).toMatchObject({
      cpuMicroseconds: 1_500_000,
      throttledMicroseconds: null,
      memoryBytes: 300,
      memoryPeakBytes: 500,
      outOfMemoryKills: null,
      sentBytes: 4,
      missing: [],
    });
  });

  it('leaves out what is gone, and reports what fails as missing figures', async () => {
    const direct = new DirectSource(hostOf(crowd('v2-cgroupfs', 1)), pidOf);
    let answer: () => Promise<typeof figures | null> = async () => null;
    const source = new EngineSource(direct, () => answer());
    expect(await source.read(idOf(0), signal)).toBeNull();
    answer = () => Promise.reject(new Error('too busy'));
    expect(await source.read(idOf(0), signal)).toMatchObject({
      missing: [{ source: 'container', reason: 'too busy' }],
    });
    answer = async () => figures;
    expect(await source.read(idOf(0), signal)).toMatchObject({ processes: 3 });
  });
});
