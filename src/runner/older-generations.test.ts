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
  expect(eventFor(3, 6, queued)).toEqual({ n: 7, event: { kind: 'stdout' }, body: new Uint8Array(0) });
  expect(eventFor(4, 6, queued)).toBe(queued);
});

it('what an older agent knows it is told as it is', () => {
  const output = numbered({ kind: 'stderr' }, 'text');
  expect(eventFor(1, 6, output)).toEqual(output);
});

// @promise runner-generations
it('an agent that knows of nothing dropped misses no number either, and the last one says it', () => {
  const dropped = numbered({ kind: 'dropped', upTo: 1000 });
  const silence = (n: number) => ({ n, event: { kind: 'stdout' }, body: new Uint8Array(0) });
  expect(eventFor(3, 4, dropped)).toEqual(silence(5));
  expect(eventFor(3, 5, dropped)).toEqual(silence(6));
  const told = eventFor(3, 6, dropped);
  expect([told.n, told.event.kind, Buffer.from(told.body).toString()]).toEqual([
    7,
    'stderr',
    'kernelet: output before this was not kept\n',
  ]);
  // A reader that comes has never heard of numbers before.
  expect(eventFor(3, 0, dropped)).toEqual(silence(7));
  expect(eventFor(4, 0, dropped)).toBe(dropped);
});
