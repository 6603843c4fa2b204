/** P22: what people feel of a terminal by the API: how soon it shows something, and how soon a key that was typed. */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { bodyOf, call, open } from '../http.ts';
import type { Measure } from '../measure.ts';
import type { Stage } from '../stage.ts';
import { percentile } from '../statistics.ts';

const waitMs = 10_000;

/** A program on a terminal, and the events of its run as they come. */
async function openTerminal(
  stage: Stage,
  id: string,
  script: string,
): Promise<{ run: string; events: IncomingMessage }> {
  const run = randomUUID();
  const request = { mode: 'command', argv: ['sh', '-c', script], tty: { columns: 80, rows: 24 }, timeoutMs: null };
  await call(stage.socket, 'POST', `/v1/kernels/${id}/runs`, { run, request });
  return { run, events: await open(stage.socket, 'GET', `/v1/kernels/${id}/runs/${run}/events`) };
}

/** Resolves when something more is shown. */
async function shown(events: IncomingMessage): Promise<void> {
  for (const signal = AbortSignal.timeout(waitMs); ; ) {
    const [piece] = (await once(events, 'data', { signal })) as [Buffer];
    if (piece.includes('"stdout"')) return;
  }
}

const end = (stage: Stage, id: string, run: string): Promise<unknown> =>
  call(stage.socket, 'POST', `/v1/kernels/${id}/runs/${run}/cancel`, { signal: 'SIGKILL' });

export const terminal: Measure = {
  ids: ['P22'],
  title: 'terminals',
  async run(stage, rounds) {
    const id = await stage.create();
    try {
      const first: number[] = [];
      for (let round = 0; round < rounds(40, 10); round += 1) {
        const begun = performance.now();
        const { run, events } = await openTerminal(stage, id, 'printf x; exec sleep 60');
        await shown(events);
        // The first one loads what makes terminals.
        if (round > 0) first.push(performance.now() - begun);
        await end(stage, id, run);
        await bodyOf(events);
      }
      const { run, events } = await openTerminal(stage, id, 'stty raw -echo; printf x; exec cat');
      await shown(events);
      const keys: number[] = [];
      const headers = { 'content-type': 'application/octet-stream' };
      for (let round = 0; round < rounds(500, 50); round += 1) {
        const begun = performance.now();
        const back = shown(events);
        // One key: a digit is itself in JSON.
        await bodyOf(await open(stage.socket, 'POST', `/v1/kernels/${id}/runs/${run}/stdin`, 7, headers));
        await back;
        keys.push(performance.now() - begun);
      }
      await end(stage, id, run);
      return {
        P22: [
          { name: 'first byte of a terminal, p50', value: percentile(first, 0.5), unit: 'ms', must: 30, goal: 15 },
          {
            name: 'keystroke there and back through its program, p50',
            value: percentile(keys, 0.5),
            unit: 'ms',
            must: 10,
            goal: 2,
          },
        ],
      };
    } finally {
      await stage.destroy(id);
    }
  },
};
