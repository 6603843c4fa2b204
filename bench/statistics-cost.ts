/**
 * A program of its own: what statistics of containers that are only files cost, in a process that does nothing else.
 * Prints one line of JSON. Run it with `--expose-gc`.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Statistics } from '../src/stats/statistics.ts';
import { FakeCgroups } from './fake-cgroups.ts';
import { cpuPerSample, openStatistics } from './statistics-rig.ts';

const signal = new AbortController().signal;

/** The longest time that the event loop was held up, in milliseconds, in each of some rounds. */
async function blocking(statistics: Statistics, rounds: number): Promise<readonly number[]> {
  const longest: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    let [most, last, running] = [0, performance.now(), true];
    const tick = (): void => {
      const now = performance.now();
      most = Math.max(most, now - last);
      last = now;
      if (running) setImmediate(tick);
    };
    setImmediate(tick);
    await statistics.round(signal);
    running = false;
    longest.push(most);
  }
  return longest;
}

/** Bytes of the heap after everything that can be freed was freed. */
async function heap(): Promise<number> {
  for (let pass = 0; pass < 3; pass += 1) {
    globalThis.gc?.();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return process.memoryUsage().heapUsed;
}

/** How much the heap grew from round 5,000 to 10,000: by then the code is compiled, in percent, with kernels coming and going. */
async function growth(folder: string): Promise<number> {
  const fakes = new FakeCgroups(folder);
  const targets = Array.from({ length: 20 }, (_, index) => fakes.add(index));
  await using statistics = await openStatistics(folder, fakes.host, fakes.pidOf, targets);
  let first = 0;
  for (let round = 1; round <= 10_000; round += 1) {
    if (round % 10 === 0) {
      const ended = targets.shift();
      if (ended) statistics.ended(ended.kernelId, ended.sessionId, 'user-requested');
      targets.push(fakes.add(20 + ((round / 10) % 200)));
    }
    await statistics.round(signal);
    // As between rounds in use: final records are written meanwhile.
    await new Promise((resolve) => setImmediate(resolve));
    if (round === 5000) first = await heap();
  }
  return ((await heap()) / first - 1) * 100;
}

const folder = await mkdtemp(path.join(tmpdir(), 'kernelet-bench-statistics-'));
try {
  const growthPercent = await growth(path.join(folder, 'growth'));
  const hundred = new FakeCgroups(path.join(folder, 'hundred'));
  const few = Array.from({ length: 100 }, (_, index) => hundred.add(index));
  await using ofHundred = await openStatistics(path.join(folder, 'hundred'), hundred.host, hundred.pidOf, few);
  const sampleMs = await cpuPerSample(ofHundred, 100, 20);
  const many = new FakeCgroups(path.join(folder, 'many'));
  const targets = Array.from({ length: 500 }, (_, index) => many.add(index));
  await using ofMany = await openStatistics(path.join(folder, 'many'), many.host, many.pidOf, targets);
  // The files that were just made left much to be freed.
  await heap();
  const [firstBlockMs] = await blocking(ofMany, 1);
  const blocksMs = await blocking(ofMany, 100);
  console.log(JSON.stringify({ growthPercent, sampleMs, firstBlockMs, blocksMs }));
} finally {
  await rm(folder, { recursive: true, force: true });
}
