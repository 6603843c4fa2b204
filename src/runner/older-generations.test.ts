import { expect, it } from 'vitest';
import type { RunId } from '../lib/ids.ts';
import type { NumberedRunEvent } from '../protocol/run-event.ts';
import { eventFor } from './older-generations.ts';

const numbered = (event: NumberedRunEvent['event'], text = ''): NumberedRunEvent => ({
  n: 7,
  event,
  body: Buffer.from(text),
});

// @promise runner-generations
it('an agent that knows of no queues hears nothing in place of what a run waits behind, and misses no number', () => {
  const queued = numbered({ kind: 'queued', behind: 'r' as RunId });
  expect(eventFor(3, queued)).toEqual({ n: 7, event: { kind: 'stdout' }, body: new Uint8Array(0) });
  expect(eventFor(4, queued)).toBe(queued);
});

it('what an older agent knows it is told as it is', () => {
  const output = numbered({ kind: 'stderr' }, 'text');
  expect(eventFor(1, output)).toEqual(output);
});
