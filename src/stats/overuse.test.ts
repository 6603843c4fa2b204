import { describe, expect, it } from 'vitest';
import { type ContainerSample, emptySample } from './container-sample.ts';
import { type Overuse, type OveruseInput, OveruseWatch } from './overuse.ts';

const sample = (figures: Partial<ContainerSample>): ContainerSample => ({ ...emptySample, ...figures });
/** Looks at samples a second apart, each compared with the one before. */
function reportsOf(
  samples: readonly Partial<ContainerSample>[],
  more: Partial<OveruseInput> = {},
): (readonly Overuse[])[] {
  const watch = new OveruseWatch();
  let before = emptySample;
  return samples.map((figures, index) => {
    const now = sample(figures);
    const input = {
      sample: now,
      before,
      scratchBytes: null,
      scratchLimitBytes: null,
      isDiskFull: false,
      killed: [],
      now: index * 1000,
    };
    before = now;
    return watch.check({ ...input, ...more });
  });
}
const namesOf = (all: (readonly Overuse[])[]): string[] => all.map((some) => some.map(({ kind }) => kind).join());

describe('over-use', () => {
  it('of memory is reported when it begins, and again only after it has ended', () => {
    const at = (memoryBytes: number) => ({ memoryBytes, memoryLimitBytes: 100 });
    const minute = new Array<object>(60).fill(at(50));
    const all = reportsOf([at(50), at(95), at(100), at(90), at(96), at(84), ...minute, at(97)]);
    expect(namesOf(all).filter((kind) => kind !== '')).toEqual(['memory', 'memory']);
    expect(all[1]).toEqual([
      { kind: 'memory', count: 1, firstAt: 1000, lastAt: 1000, detail: '95 B of 100 B of memory are in use' },
    ]);
    expect(all.at(-1)).toMatchObject([{ count: 2, firstAt: 1000 }]);
  });

  it('by kills is reported with the names, once a minute at most, and every kill is counted', () => {
    const watch = new OveruseWatch();
    const look = (kills: number, seen: number, now: number, ...killed: string[]): readonly Overuse[] =>
      watch.check({
        sample: sample({ outOfMemoryKills: kills, memoryLimitBytes: 64 }),
        before: sample({ outOfMemoryKills: seen }),
        scratchBytes: null,
        scratchLimitBytes: null,
        isDiskFull: false,
        killed,
        now,
      });
    expect(look(0, 0, 0)).toEqual([]);
    expect(look(2, 0, 1000, 'python3', 'node', 'node')).toMatchObject([
      { kind: 'out-of-memory', count: 2, detail: 'killed at the limit of 64 B of memory: python3, node' },
    ]);
    for (let round = 2; round < 61; round += 1) expect(look(round + 1, round, round * 1000, 'a')).toEqual([]);
    expect(look(62, 61, 61_000)).toMatchObject([
      { count: 62, detail: 'a process was killed at the limit of 64 B of memory' },
    ]);
    expect(look(62, 62, 200_000)).toEqual([]);
    expect(watch.seen()).toMatchObject([{ count: 62, firstAt: 1000, lastAt: 61_000 }]);
  });

  it('of a container that is new is what it has counted itself', () => {
    expect(namesOf(reportsOf([{ outOfMemoryKills: 1 }]))).toEqual(['out-of-memory']);
  });

  it('by throttling is reported when half of the periods were held back', () => {
    const at = (cpuPeriods: number, throttledPeriods: number) => ({ cpuPeriods, throttledPeriods });
    expect(namesOf(reportsOf([at(100, 0), at(150, 10), at(200, 40), at(205, 45), at(250, 80)]))).toEqual([
      '',
      '',
      'throttled',
      '',
      '',
    ]);
  });

  it('of processes is reported by refusals, or by the level where none are counted', () => {
    const refused = (processLimitHits: number) => ({ processLimitHits, processes: 64, processesLimit: 64 });
    expect(namesOf(reportsOf([refused(0), refused(0), refused(3)]))).toEqual(['', '', 'processes']);
    const at = (processes: number) => ({ processes, processesLimit: 64 });
    expect(namesOf(reportsOf([at(63), at(64), at(64)]))).toEqual(['', 'processes', '']);
  });

  it('of the scratch folder needs a limit', () => {
    expect(namesOf(reportsOf([{}], { scratchBytes: 96, scratchLimitBytes: 100 }))).toEqual(['disk']);
    expect(namesOf(reportsOf([{}], { scratchBytes: 96 }))).toEqual(['']);
  });

  it('is not made of what is not known', () => {
    expect(namesOf(reportsOf([{}, { memoryBytes: 100 }, { processes: 5 }, { cpuPeriods: 900 }, {}]))).toEqual([
      '',
      '',
      '',
      '',
      '',
    ]);
  });
});
