/** P22: what people feel of a terminal by the API: how soon it shows something, and how soon a key that was typed. */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { bodyOf, call, open } from '../http.ts';
import type { Measure } from '../measure.ts';
import type { Stage } from '../stage.ts';
import { percentile } from '../statistics.ts';

const waitMs = 10_000;

interface Terminal {
  readonly run: string;
  /** Resolves when something more is shown. */
  shown(): Promise<void>;
  /** Resolves when nothing more comes. */
  readonly over: Promise<unknown>;
}

/** A program on a terminal, and what comes of its run. */
async function openTerminal(stage: Stage, id: string, script: string): Promise<Terminal> {
  const run = randomUUID();
  const request = { mode: 'command', argv: ['sh', '-c', script], tty: { columns: 80, rows: 24 }, timeoutMs: null };
  await call(stage.socket, 'POST', `/v1/kernels/${id}/runs`, { run, request });
  const events = await open(stage.socket, 'GET', `/v1/kernels/${id}/runs/${run}/events`);
  const over = once(events, 'end');
  let [seen, taken] = [0, 0];
  let wake = (): void => {};
  events.on('data', (piece: Buffer) => {
    if (!piece.includes('"stdout"')) return;
    seen += 1;
    wake();
  });
  const shown = async (): Promise<void> => {
    while (seen === taken) {
      await new Promise<void>((resolve, reject) => {
        const late = setTimeout(() => reject(new Error(`nothing is shown within ${waitMs} ms`)), waitMs);
        wake = () => {
          clearTimeout(late);
          resolve();
        };
      });
    }
    taken = seen;
  };
  return { run, shown, over };
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
        const { run, shown, over } = await openTerminal(stage, id, 'printf x; exec sleep 60');
        await shown();
        // The first one loads what makes terminals.
        if (round > 0) first.push(performance.now() - begun);
        await end(stage, id, run);
        await over;
      }
      const { run, shown } = await openTerminal(stage, id, 'stty raw -echo; printf x; exec cat');
      await shown();
      const keys: number[] = [];
      const headers = { 'content-type': 'application/octet-stream' };
      for (let round = 0; round < rounds(500, 50); round += 1) {
        const begun = performance.now();
        const back = shown();
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
