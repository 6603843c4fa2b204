/**
 * P1, P3, P13 and P21: create and destroy, beside the same container made bare. Each round creates a kernel through the
 * API, destroys it, and then sends the very body that the engine got to the engine directly, with the same folders in
 * place.
 */
import { cp, mkdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { call, textField } from '../http.ts';
import type { Measure } from '../measure.ts';
import type { Stage } from '../stage.ts';
import { median, percentile } from '../statistics.ts';

const warmUps = 2;
const rounds = 30;

interface Bare {
  readonly start: number;
  readonly destroy: number;
}

/** Host folders that a container body binds, but for files. */
function boundFolders(body: unknown): string[] {
  const text = JSON.stringify(body);
  return [...text.matchAll(/"Source":"([^"]+\/scratch\/[^"]+)"/g)].flatMap((match) => (match[1] ? [match[1]] : []));
}

async function bare(stage: Stage, body: unknown, round: number): Promise<Bare> {
  const begun = performance.now();
  const created = await call(stage.engineSocket, 'POST', `/v1.41/containers/create?name=kernelet-bench-${round}`, body);
  const id = textField(created, 'Id');
  await call(stage.engineSocket, 'POST', `/v1.41/containers/${id}/start`);
  const started = performance.now();
  // As long as a kernel lives in its round, so that both are destroyed in the same state.
  await new Promise((resolve) => setTimeout(resolve, 150));
  const ending = performance.now();
  await call(stage.engineSocket, 'POST', `/v1.41/containers/${id}/kill`);
  await call(stage.engineSocket, 'DELETE', `/v1.41/containers/${id}?force=true&v=true`);
  return { start: started - begun, destroy: performance.now() - ending };
}

/** The measure. */
export const lifecycle: Measure = {
  ids: ['P1', 'P3', 'P13', 'P21'],
  title: 'create and destroy',
  async run(stage) {
    const overhead: number[] = [];
    const ready: number[] = [];
    const destroy: number[] = [];
    const total: number[] = [];
    for (let round = -warmUps; round < rounds; round += 1) {
      const begun = performance.now();
      const id = await stage.create();
      const created = performance.now();
      const startReply = stage.proxy.lastStartReply;
      const body = stage.proxy.creations.at(-1)?.body;
      const folders = boundFolders(body);
      const kept = path.join(stage.folder, 'kept');
      for (const [index, folder] of folders.entries())
        await cp(folder, path.join(kept, String(index)), {
          recursive: true,
          filter: (file) => !file.endsWith('.sock'),
        });
      await new Promise((resolve) => setTimeout(resolve, 150));
      const ending = performance.now();
      await stage.destroy(id);
      const destroyed = performance.now();

      for (const [index, folder] of folders.entries()) {
        await mkdir(folder, { recursive: true });
        await cp(path.join(kept, String(index)), folder, { recursive: true });
      }
      const same = await bare(stage, body, round + warmUps);
      for (const folder of folders) await rm(path.dirname(folder), { recursive: true, force: true });
      await rm(kept, { recursive: true, force: true });
      if (round < 0) continue;
      overhead.push(startReply - begun - same.start);
      ready.push(created - startReply);
      total.push(created - begun - same.start);
      destroy.push(destroyed - ending - same.destroy);
    }
    return {
      P1: [
        {
          name: 'create overhead over bare create + start, p50',
          value: percentile(overhead, 0.5),
          unit: 'ms',
          must: 50,
          goal: 15,
        },
        {
          name: 'create overhead over bare create + start, p99',
          value: percentile(overhead, 0.99),
          unit: 'ms',
          must: 200,
          goal: 60,
        },
      ],
      P3: [{ name: 'start reply → kernel ready, p50', value: median(ready), unit: 'ms', must: 300, goal: 100 }],
      P13: [{ name: 'destroy over bare kill + remove, p50', value: median(destroy), unit: 'ms', must: 100, goal: 20 }],
      P21: [
        {
          name: 'request → ready for Python code over bare, p50',
          value: median(total),
          unit: 'ms',
          must: 350,
          goal: 120,
        },
      ],
    };
  },
};
