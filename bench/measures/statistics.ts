/**
 * P8, P18 and P19: what statistics cost. Containers that are only files show the cost of reading and counting, in a
 * process of their own; real ones that of the kernel's own work too, beside the engine's statistics of the same ones.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { asContainerId, parseKernelId, parseSessionId } from '../../src/lib/ids.ts';
import { readHierarchies } from '../../src/stats/cgroup.ts';
import type { StatsTarget } from '../../src/stats/kernel-statistics-store.ts';
import type { Took } from '../../test/support/own-time.ts';
import { runAsDaemon } from '../daemon-process.ts';
import { FakeCgroups } from '../fake-cgroups.ts';
import { call, textField } from '../http.ts';
import type { Figure, Measure } from '../measure.ts';
import type { Stage } from '../stage.ts';
import { median, percentile } from '../statistics.ts';
import type { CostParts } from '../statistics-cost.ts';
import { cpuPerSample, openStatistics } from '../statistics-rig.ts';

const costProgram = path.resolve(import.meta.dirname, '..', 'statistics-cost.ts');

/** Processes that are begun anew for a first round. */
const firstRounds = 5;

/** What the program of its own has measured. */
async function costOf<Part extends keyof CostParts>(part: Part): Promise<CostParts[Part]> {
  return JSON.parse(await runAsDaemon(costProgram, part)) as CostParts[Part];
}

/** Real kernels, read directly and asked of the engine. */
async function real(stage: Stage, folder: string, count: number): Promise<{ ours: number; engineMs: number }> {
  const ids: string[] = [];
  try {
    const pids = new Map<string, number>();
    const targets: StatsTarget[] = [];
    for (let index = 0; index < count; index += 1) {
      const id = await stage.create();
      ids.push(id);
      const container = textField(await call(stage.socket, 'GET', `/v1/kernels/${id}`), 'containerId');
      const detail = await call(stage.engineSocket, 'GET', `/v1.41/containers/${container}/json`);
      pids.set(container, Number(/"Pid":(\d+)/.exec(JSON.stringify(detail))?.[1]));
      const kernelId = parseKernelId(id);
      targets.push({
        kernelId,
        sessionId: parseSessionId(id),
        containerId: asContainerId(container),
        scratchLimitBytes: null,
      });
    }
    const { host } = new FakeCgroups(folder);
    const here = { ...host, mounts: readHierarchies(), processRoot: '/proc' };
    const pidOf = async (id: string): Promise<number | null> => pids.get(id) ?? null;
    await using statistics = await openStatistics(folder, { host: here, pidOf }, targets);
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

/** The longest of the blocks; what the clock saw, other programs' turns included, stands beside it. */
function block(name: string, blocks: readonly Took[], pick: (samples: readonly number[]) => number): Figure {
  return {
    name: `500 containers: longest block, ${name}`,
    value: pick(blocks.map(({ ownMs }) => ownMs)),
    unit: 'ms',
    must: 10,
    goal: 3,
    beside: { 'by the clock': pick(blocks.map(({ wallMs }) => wallMs)) },
  };
}

export const statistics: Measure = {
  ids: ['P8', 'P18', 'P19'],
  title: 'statistics',
  async run(stage) {
    const growth = await costOf('growth');
    const sampleMs = await costOf('sample');
    const processes: CostParts['blocks'][] = [];
    for (let process = 0; process < firstRounds; process += 1) processes.push(await costOf('blocks'));
    const later = processes.flatMap(({ later: blocks }) => blocks);
    const folder = await mkdtemp(path.join(tmpdir(), 'kernelet-bench-statistics-'));
    try {
      const { ours, engineMs } = await real(stage, folder, 10);
      return {
        P8: [
          { name: 'CPU per container-sample, 100 fake cgroups', value: sampleMs, unit: 'ms', must: 0.25, goal: 0.05 },
          {
            name: `CPU per container-sample, 10 kernels (engine: ${Math.round(engineMs)} ms)`,
            value: ours,
            unit: 'ms',
            must: 0.25,
            goal: 0.05,
          },
        ],
        P18: [
          block(
            `first round, p50 of ${firstRounds} processes`,
            processes.map(({ first }) => first),
            median,
          ),
          block(`p50 of ${later.length} rounds`, later, median),
          block(`p99 of ${later.length} rounds`, later, (samples) => percentile(samples, 0.99)),
        ],
        P19: [
          {
            name: 'growth of the number of objects in 10,000 rounds',
            value: growth.objects,
            unit: '%',
            must: 0.1,
            goal: 0.01,
          },
          { name: 'growth of their bytes in 10,000 rounds', value: growth.bytes, unit: '%', must: 1, goal: 0.2 },
        ],
      };
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },
};
