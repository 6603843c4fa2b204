/** P5: a trivial query by an outside client through the API's socket. */
import { randomUUID } from 'node:crypto';
import { bodyOf, call, open } from '../http.ts';
import type { Measure } from '../measure.ts';
import { percentile } from '../statistics.ts';

const warmUps = 50;
const rounds = 500;

export const query: Measure = {
  ids: ['P5'],
  title: 'warm query',
  async run(stage) {
    const id = await stage.create();
    try {
      const samples: number[] = [];
      for (let round = 0; round < warmUps + rounds; round += 1) {
        const run = randomUUID();
        const begun = performance.now();
        await call(stage.socket, 'POST', `/v1/kernels/${id}/runs`, {
          run,
          request: { mode: 'query', code: '1', timeoutMs: null },
        });
        const events = await open(stage.socket, 'GET', `/v1/kernels/${id}/runs/${run}/events`);
        const text = (await bodyOf(events)).toString();
        const ms = performance.now() - begun;
        if (!text.includes('finished')) throw new Error(`the query did not finish: ${text.slice(0, 300)}`);
        if (round >= warmUps) samples.push(ms);
      }
      return {
        P5: [
          { name: 'query by an outside client, p50', value: percentile(samples, 0.5), unit: 'ms', must: 3.5, goal: 1 },
        ],
      };
    } finally {
      await stage.destroy(id);
    }
  },
};
