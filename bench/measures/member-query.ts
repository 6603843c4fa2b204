/** P5 and P14 over RPC: what a manager waits for a trivial query, and how fast output comes through `execute`. */
import type { Member, OrderedKernel } from '../../test/support/cluster/member.ts';
import type { Figure, Measure } from '../measure.ts';
import { startCluster } from '../member.ts';
import type { Stage } from '../stage.ts';
import { median } from '../statistics.ts';

const warmUps = 50;
const rounds = 500;
const outputBytes = 100e6;
const program = `import sys
block = ("x" * 79 + "\\n") * 800
for _ in range(${outputBytes} // len(block)):
    sys.stdout.write(block)
`;

async function queryMs(member: Member, image: string): Promise<number> {
  const kernel = await member.create({}, image);
  const samples: number[] = [];
  for (let round = -warmUps; round < rounds; round += 1) {
    const begun = performance.now();
    const printed = await member.execute(kernel, '1');
    if (round >= 0) samples.push(performance.now() - begun);
    if (!printed.includes('1')) throw new Error(`the answer is another: ${printed}`);
  }
  await member.destroy(kernel);
  return median(samples);
}

/** Megabytes a second, from the call to the last of them. */
async function outputRate(member: Member, kernel: OrderedKernel): Promise<number> {
  const begun = performance.now();
  const printed = await member.execute(kernel, program);
  const seconds = (performance.now() - begun) / 1000;
  const expected = Math.floor(outputBytes / 64_000) * 64_000;
  if (printed.length !== expected) throw new Error(`${printed.length} bytes of ${expected} arrived`);
  return printed.length / 1e6 / seconds;
}

async function queriesAndOutput(): Promise<Record<string, Figure[]>> {
  await using cluster = await startCluster();
  const { member } = cluster;
  const plain = await queryMs(member, 'kernelet/python:latest');
  const kernel = await member.create();
  const rate = await outputRate(member, kernel);
  await member.destroy(kernel);
  return {
    P5: [{ name: 'query over RPC, plain Python, p50', value: plain, unit: 'ms', must: 3.5, goal: 1 }],
    P14: [{ name: 'output through execute', value: rate, unit: 'MB/s', must: 30, goal: 120, larger: true }],
  };
}

async function withIpython(stage: Stage): Promise<Record<string, Figure[]>> {
  await stage.kernelet('image', 'build', 'python-science', '--if-missing');
  await using cluster = await startCluster();
  const value = await queryMs(cluster.member, 'kernelet/python-science:latest');
  return { P5: [{ name: 'query over RPC, IPython, p50', value, unit: 'ms', must: 3.5, goal: 1 }] };
}

export const memberQuery: Measure = {
  ids: ['P5', 'P14'],
  title: 'queries and output over RPC',
  inCluster: true,
  run: queriesAndOutput,
};

/** The same queries in an image that has IPython. */
export const ipythonQuery: Measure = {
  ids: ['P5'],
  title: 'queries over RPC, in IPython',
  inCluster: true,
  run: withIpython,
};
