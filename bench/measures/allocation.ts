/** P17: what it takes to find devices for one more kernel on a large, busy node, and what its container gets with them. */
import path from 'node:path';
import type { Took } from '../../test/support/own-time.ts';
import { runAsDaemon } from '../daemon-process.ts';
import { cores, gpus, kernels } from '../large-node.ts';
import type { Figure, Measure } from '../measure.ts';
import { median, percentile } from '../statistics.ts';

const program = path.resolve(import.meta.dirname, '..', 'allocation-cost.ts');
/** What is asked for, in the order of the program's answer. */
const requests = ['1 CPU and a part of a GPU', '64 CPUs and parts of many GPUs', '256 CPUs and no GPU'];

/**
 * The p99 of the batch in the middle, without the turns of other programs: what else the machine does stands beside it.
 */
function figure(name: string, all: readonly (readonly Took[])[]): Figure {
  const p99s = (pick: (took: Took) => number): readonly number[] =>
    all.map((times) => percentile(times.map(pick), 0.99));
  return {
    name: `${name}, p99`,
    value: median(p99s(({ ownMs }) => ownMs)),
    unit: 'ms',
    must: 1,
    goal: 0.3,
    beside: {
      p50: median(all.flat().map(({ ownMs }) => ownMs)),
      'p99 of the worst batch': Math.max(...p99s(({ ownMs }) => ownMs)),
      'p99 by the clock': median(p99s(({ wallMs }) => wallMs)),
    },
  };
}

/** The measure. It needs nothing of the stage. */
export const allocation: Measure = {
  ids: ['P17'],
  title: `allocation on a node of ${cores} CPUs, ${gpus} GPUs and ${kernels} kernels`,
  async run() {
    const took = JSON.parse(await runAsDaemon(program)) as readonly (readonly (readonly Took[])[])[];
    return { P17: requests.map((name, index) => figure(name, took[index] ?? [])) };
  },
};
