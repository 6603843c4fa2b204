/** P4: `kernelet run` with a daemon, destruction included, beside `docker run --rm` of the same image and program. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Measure } from '../measure.ts';
import type { Stage } from '../stage.ts';
import { median } from '../statistics.ts';

const warmUps = 2;

async function dockerRun(stage: Stage): Promise<number> {
  const begun = performance.now();
  const child = spawn('docker', ['run', '--rm', 'kernelet/python:latest', 'python3', '-c', 'print(1)'], {
    env: { ...process.env, DOCKER_HOST: `unix://${stage.engineSocket}`, DOCKER_API_VERSION: '1.41' },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const [status] = await once(child, 'exit');
  if (status !== 0) throw new Error(`docker run ended with status ${status}`);
  return performance.now() - begun;
}

async function kerneletRun(stage: Stage): Promise<number> {
  const begun = performance.now();
  await stage.kernelet('run', '--lang', 'python', '-c', 'print(1)');
  return performance.now() - begun;
}

export const oneShot: Measure = {
  ids: ['P4'],
  title: 'one shot',
  async run(stage, rounds) {
    const ours: number[] = [];
    const theirs: number[] = [];
    const count = rounds(20, 6);
    for (let round = -warmUps; round < count; round += 1) {
      const docker = await dockerRun(stage);
      const kernelet = await kerneletRun(stage);
      if (round < 0) continue;
      theirs.push(docker);
      ours.push(kernelet);
    }
    const beside = { kernelet: median(ours), docker: median(theirs) };
    const value = beside.kernelet / beside.docker;
    return { P4: [{ name: 'kernelet run ÷ docker run --rm', value, unit: '', must: 1.25, goal: 0.6, beside }] };
  },
};
