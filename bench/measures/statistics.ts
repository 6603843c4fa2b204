/**
 * P8, P18 and P19: what statistics cost. Containers that are only files show the cost of reading and counting; real
 * ones that of the kernel's own work too, beside the engine's statistics of the same containers.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { systemClock } from '../../src/lib/clock.ts';
import { asContainerId, parseKernelId, parseSessionId } from '../../src/lib/ids.ts';
import { silentLogger } from '../../src/lib/log.ts';
import { readHierarchies } from '../../src/stats/cgroup.ts';
import type { ReaderHost } from '../../src/stats/container-reader.ts';
import { DirectSource } from '../../src/stats/container-source.ts';
import type { StatsTarget } from '../../src/stats/kernel-book.ts';
import { KillLog } from '../../src/stats/kill-log.ts';
import { NodeFigures } from '../../src/stats/node-figures.ts';
import { ProcessFigures } from '../../src/stats/process-figures.ts';
import { Statistics } from '../../src/stats/statistics.ts';
import { FakeCgroups } from '../fake-cgroups.ts';
import { call, textField } from '../http.ts';
import type { Measure } from '../measure.ts';
import type { Stage } from '../stage.ts';
import { median, percentile } from '../statistics.ts';

const signal = new AbortController().signal;

async function open(
  folder: string,
  host: ReaderHost,
  pidOf: (containerId: string) => Promise<number | null>,
  targets: readonly StatsTarget[],
): Promise<Statistics> {
  return await Statistics.open({
    folder: path.join(folder, 'statistics'),
    targets: () => targets,
    isLive: () => true,
    source: new DirectSource(host, pidOf),
    node: new NodeFigures([]),
    processes: new ProcessFigures(host.files, systemClock),
    killLog: new KillLog(systemClock),
    sink: null,
    onOveruse: () => {},
    periodMs: 5000,
    adaptive: false,
    clock: systemClock,
    log: silentLogger,
  });
}

/** Milliseconds of CPU time for each container in each round, the median of several batches. */
async function cpuPerSample(statistics: Statistics, containers: number, rounds: number): Promise<number> {
  for (let round = 0; round < rounds; round += 1) await statistics.round(signal);
  const batches: number[] = [];
  for (let batch = 0; batch < 7; batch += 1) {
    const begun = process.cpuUsage();
    for (let round = 0; round < rounds; round += 1) await statistics.round(signal);
    const { user, system } = process.cpuUsage(begun);
    batches.push((user + system) / 1000 / rounds / containers);
  }
  return median(batches);
}

/** Real kernels, read directly and asked of the engine. */
async function real(stage: Stage, folder: string, count: number): Promise<{ ours: number; engineMs: number }> {
  const ids: string[] = [];
  try {
    const pids = new Map<string, number>();
    const targets: StatsTarget[] = [];
    for (let index = 0; index < count; index += 1) {
      const id = await stage.create({ network: 'none' });
      ids.push(id);
      const container = textField(await call(stage.socket, 'GET', `/v1/kernels/${id}`), 'containerId');
      const detail = await call(stage.engineSocket, 'GET', `/v1.41/containers/${container}/json`);
      pids.set(container, Number(/"Pid":(\d+)/.exec(JSON.stringify(detail))?.[1]));
      const kernelId = parseKernelId(id);
      targets.push({
        kernelId,
        sessionId: parseSessionId(id),
        containerId: asContainerId(container),
        scratchFolder: folder,
        scratchLimitBytes: null,
      });
    }
    const { host } = new FakeCgroups(folder);
    const here = { ...host, mounts: readHierarchies(), processRoot: '/proc' };
    await using statistics = await open(folder, here, async (id) => pids.get(id) ?? null, targets);
    const ours = await cpuPerSample(statistics, count, 20);
    const engine: number[] = [];
    for (const { containerId } of targets) {
      const begun = performance.now();
      await call(stage.engineSocket, 'GET', `/v1.41/containers/${containerId}/stats?stream=false&one-shot=true`);
      engine.push(performance.now() - begun);
    }
    return { ours, engineMs: median(engine) };
  } finally {
    for (const id of ids) await stage.destroy(id);
  }
}

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

/** How much the heap grew from the thousandth round to the last, in percent, with kernels coming and going. */
async function growth(folder: string): Promise<number> {
  setFlagsFromString('--expose-gc');
  const collect: unknown = runInNewContext('gc');
  const heap = (): number => {
    if (typeof collect === 'function') for (let pass = 0; pass < 3; pass += 1) collect();
    return process.memoryUsage().heapUsed;
  };
  const fakes = new FakeCgroups(folder);
  const targets = Array.from({ length: 20 }, (_, index) => fakes.add(index));
  await using statistics = await open(folder, fakes.host, fakes.pidOf, targets);
  let first = 0;
  for (let round = 1; round <= 10_000; round += 1) {
    if (round % 10 === 0) {
      const ended = targets.shift();
      if (ended) statistics.ended(ended.kernelId, ended.sessionId, 'user-requested');
      targets.push(fakes.add(20 + ((round / 10) % 200)));
    }
    await statistics.round(signal);
    if (round === 1000) first = heap();
  }
  return (heap() / first - 1) * 100;
}

/** The measure. */
export const statistics: Measure = {
  ids: ['P8', 'P18', 'P19'],
  title: 'statistics',
  async run(stage) {
    const folder = await mkdtemp(path.join(tmpdir(), 'kernelet-bench-statistics-'));
    try {
      const fakes = new FakeCgroups(path.join(folder, 'hundred'));
      const hundred = Array.from({ length: 100 }, (_, index) => fakes.add(index));
      await using ofHundred = await open(path.join(folder, 'hundred'), fakes.host, fakes.pidOf, hundred);
      const alone = await cpuPerSample(ofHundred, 100, 20);
      const { ours, engineMs } = await real(stage, path.join(folder, 'real'), 10);

      const many = new FakeCgroups(path.join(folder, 'many'));
      const targets = Array.from({ length: 500 }, (_, index) => many.add(index));
      await using ofMany = await open(path.join(folder, 'many'), many.host, many.pidOf, targets);
      const first = await blocking(ofMany, 1);
      const later = await blocking(ofMany, 100);
      return {
        P8: [
          { name: 'CPU per container-sample, 100 fake cgroups', value: alone, unit: 'ms', must: 1, goal: 0.2 },
          {
            name: `CPU per container-sample, 10 kernels (engine: ${Math.round(engineMs)} ms)`,
            value: ours,
            unit: 'ms',
            must: 1,
            goal: 0.2,
          },
        ],
        P18: [
          {
            name: '500 containers: longest block, first round',
            value: Math.max(...first),
            unit: 'ms',
            must: 10,
            goal: 5,
          },
          {
            name: '500 containers: longest block, median of 100 rounds',
            value: median(later),
            unit: 'ms',
            must: 10,
            goal: 5,
          },
          {
            name: '500 containers: longest block, p99 of 100 rounds',
            value: percentile(later, 0.99),
            unit: 'ms',
            must: 10,
            goal: 5,
          },
        ],
        P19: [
          {
            name: 'growth of the heap, round 1,000 to 10,000',
            value: await growth(path.join(folder, 'growth')),
            unit: '%',
            must: 1,
            goal: 0.2,
          },
        ],
      };
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },
};
