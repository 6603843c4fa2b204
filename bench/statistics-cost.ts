/**
 * A program of its own: what statistics of containers that are only files cost, in a process that does nothing else.
 * Its argument says which part; it prints one line of JSON. Run it with `--expose-gc`.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { getHeapSpaceStatistics, queryObjects } from 'node:v8';
import { ClusterStatistics, type StatisticsWriter } from '../src/backendai/statistics/cluster-statistics.ts';
import { systemClock } from '../src/lib/clock.ts';
import { maxBlock, type Took } from '../test/support/own-time.ts';
import { FakeCgroups } from './fake-cgroups.ts';
import { slope } from './statistics.ts';
import { cpuPerSample, openStatistics } from './statistics-rig.ts';

export interface CostParts {
  /** Milliseconds of CPU time for each container and round. */
  readonly sample: number;
  /** Of the first round of a process, and of each of a hundred later ones. */
  readonly blocks: { readonly first: Took; readonly later: readonly Took[] };
  /** Per cent in 10,000 rounds. */
  readonly growth: { readonly objects: number; readonly bytes: number };
}

const measuredRounds = 10_000;
const looks = 20;
const roundsBetween = measuredRounds / looks;
const { signal } = new AbortController();

/** Takes what a cluster would be written. */
const nowhere: StatisticsWriter = {
  writeNode: async () => {},
  writeKernels: async () => {},
  writeLast: async () => {},
  writeProcesses: async () => {},
  expireKernels: async () => {},
};

/** Frees everything that can be freed. */
async function freed(): Promise<void> {
  for (let pass = 0; pass < 3; pass += 1) {
    globalThis.gc?.();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** What is on the heap. Compiled code is left out: the engine makes and drops it as it likes. */
async function heap(): Promise<{ readonly objects: number; readonly bytes: number }> {
  await freed();
  const spaces = getHeapSpaceStatistics().filter((space) =>
    ['old_space', 'large_object_space'].includes(space.space_name),
  );
  return {
    objects: queryObjects(Object, { format: 'count' }) as number,
    bytes: spaces.reduce((sum, { space_used_size: bytes }) => sum + bytes, 0),
  };
}

/** Rounds in which a kernel ends and another comes; the first half warms up. */
async function growth(folder: string): Promise<CostParts['growth']> {
  const fakes = new FakeCgroups(folder);
  const all = Array.from({ length: 200 }, (_, index) => fakes.add(index));
  const targets = all.slice(0, 20);
  await using statistics = await openStatistics(folder, fakes, targets);
  // Made before: what this program notes must not look like growth.
  const objects = new Float64Array(looks);
  const bytes = new Float64Array(looks);
  for (let round = 1; round <= 2 * measuredRounds; round += 1) {
    const ended = targets.shift();
    if (ended) statistics.ended(ended, 'user-requested');
    targets.push(...all.slice((round + 19) % all.length, ((round + 19) % all.length) + 1));
    await statistics.round(signal);
    // As between rounds in use: final records are written meanwhile.
    await new Promise((resolve) => setImmediate(resolve));
    const look = (round - measuredRounds) / roundsBetween - 1;
    if (look >= 0 && Number.isInteger(look)) ({ objects: objects[look], bytes: bytes[look] } = await heap());
  }
  const percent = (of: Float64Array): number =>
    (slope(Array.from(of, (value, look) => [look * roundsBetween, value])) * measuredRounds * 100) / (of[0] ?? 0);
  return { objects: percent(objects), bytes: percent(bytes) };
}

/** CPU time with 100 containers. */
async function sample(folder: string): Promise<CostParts['sample']> {
  const fakes = new FakeCgroups(folder);
  const targets = Array.from({ length: 100 }, (_, index) => fakes.add(index));
  await using statistics = await openStatistics(folder, fakes, targets);
  return await cpuPerSample(statistics, targets.length, 20);
}

/** How long rounds with 500 containers hold up the loop, when their figures also go to a cluster. */
async function blocks(folder: string): Promise<CostParts['blocks']> {
  const fakes = new FakeCgroups(folder);
  const targets = Array.from({ length: 500 }, (_, index) => fakes.add(index));
  await using statistics = await openStatistics(
    folder,
    fakes,
    targets,
    new ClusterStatistics(nowhere, 'i-bench', systemClock),
  );
  // The files that were just made left much to be freed.
  await freed();
  const first = await maxBlock(() => statistics.round(signal));
  const later: Took[] = [];
  for (let round = 0; round < 100; round += 1) later.push(await maxBlock(() => statistics.round(signal)));
  return { first, later };
}

const parts = { sample, blocks, growth } as const satisfies Readonly<
  Record<keyof CostParts, (folder: string) => Promise<unknown>>
>;
const part = parts[process.argv[2] as keyof CostParts];
const folder = await mkdtemp(path.join(tmpdir(), 'kernelet-bench-statistics-'));
try {
  console.log(JSON.stringify(await part(folder)));
} finally {
  await rm(folder, { recursive: true, force: true });
}
