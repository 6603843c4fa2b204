import { describe, expect, it } from 'vitest';
import type { RunEvent } from '../protocol/run-event.ts';
import { followRun } from './run-stream.ts';

const started: RunEvent = { kind: 'started' };
const finished: RunEvent = { kind: 'finished', exitCode: 0, reason: 'exited' };

/** Follows a run whose stream gives these numbers, one list an opening; what came out and where it was opened. */
async function follow(openings: readonly (readonly (readonly [number, RunEvent])[])[], after = 0) {
  const numbers: number[] = [];
  const opened: number[] = [];
  const client = {
    async runEvents(_kernel: string, _run: string, last: number) {
      const events = openings[opened.push(last) - 1] ?? [];
      return (async function* () {
        for (const [n, event] of events) yield { n, event, body: new Uint8Array() };
      })();
    },
  };
  for await (const { n } of followRun({ client, kernel: 'k', run: 'r', after, signal: AbortSignal.timeout(5_000) })) {
    numbers.push(n);
  }
  return { numbers, opened };
}

describe('the events of a run', () => {
  it('come once each, and end with the run', async () => {
    const openings = [
      [
        [1, started],
        [2, started],
      ],
      [],
      [
        [2, started],
        [3, started],
        [4, finished],
        [5, started],
      ],
    ] as const;
    expect(await follow(openings)).toEqual({ numbers: [1, 2, 3, 4], opened: [0, 2, 2] });
  });

  it('go on behind a given one', async () => {
    expect(await follow([[[8, finished]]], 7)).toEqual({ numbers: [8], opened: [7] });
  });

  it('are an error when one is missing: nothing is left out silently', async () => {
    await expect(
      follow([
        [
          [1, started],
          [3, finished],
        ],
      ]),
    ).rejects.toMatchObject({
      code: 'PROTOCOL_ERROR',
      message: 'output was lost: event 3 came after event 1 of the run',
    });
  });
});
