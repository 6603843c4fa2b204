/** P16 and P20: what an idle Python kernel takes. */
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { call, textField } from '../http.ts';
import type { Measure } from '../measure.ts';

/** Pids of a container's processes whose command line has the runner's bundle. */
async function runnerPid(engineSocket: string, container: string): Promise<number> {
  const top = JSON.stringify(
    await call(engineSocket, 'GET', `/v1.41/containers/${container}/top?ps_args=-eo%20pid,args`),
  );
  for (const [, pid, args] of top.matchAll(/\["(\d+)","((?:[^"\\]|\\.)*)"/g)) {
    if (pid && args && /\/node\b.*runner/.test(args)) return Number(pid);
  }
  throw new Error(`the runner is not among the container's processes: ${top.slice(0, 500)}`);
}

async function privateBytes(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/smaps_rollup`, 'utf8');
  return [...text.matchAll(/^Private_(?:Clean|Dirty):\s+(\d+) kB/gm)].reduce(
    (sum, match) => sum + Number(match[1]) * 1024,
    0,
  );
}

/** Memory that the cgroup of a process is charged with (v1 or v2). */
async function cgroupBytes(pid: number): Promise<number> {
  const lines = (await readFile(`/proc/${pid}/cgroup`, 'utf8')).split('\n');
  for (const line of lines) {
    const [, controllers, folder] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
    if (controllers === undefined || folder === undefined) continue;
    if (controllers.split(',').includes('memory')) {
      return Number(await readFile(`/sys/fs/cgroup/memory${folder}/memory.usage_in_bytes`, 'utf8'));
    }
    if (controllers === '' && lines.length <= 2)
      return Number(await readFile(`/sys/fs/cgroup${folder}/memory.current`, 'utf8'));
  }
  throw new Error(`no memory cgroup among: ${lines.join(' ')}`);
}

export const memory: Measure = {
  ids: ['P16', 'P20'],
  title: 'memory of an idle Python kernel',
  async run(stage) {
    // A second kernel on the same image shares the file pages, as kernels do in use.
    const first = await stage.create();
    const id = await stage.create();
    try {
      await sleep(2000);
      const container = textField(await call(stage.socket, 'GET', `/v1/kernels/${id}`), 'containerId');
      const pid = await runnerPid(stage.engineSocket, container);
      return {
        P16: [
          { name: "runner's private memory", value: (await privateBytes(pid)) / 1e6, unit: 'MB', must: 12, goal: 8 },
        ],
        P20: [
          {
            name: 'cgroup memory of an idle Python kernel',
            value: (await cgroupBytes(pid)) / 1e6,
            unit: 'MB',
            must: 20,
            goal: 10,
          },
        ],
      };
    } finally {
      await stage.destroy(id);
      await stage.destroy(first);
    }
  },
};
