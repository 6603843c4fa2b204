import { describe, expect, it } from 'vitest';
import { shownValue } from '../../test/support/shown-value.ts';
import type { RunId } from '../lib/ids.ts';
import { eventFor, fromGeneration3, toGeneration3 } from './generation-3.ts';
import type { NumberedRunEvent } from './run-event.ts';

/** A value of these forms, all of their content, as an older agent hears of it. */
function older(forms: Readonly<Record<string, string>>, omitted: Readonly<Record<string, number>> = {}) {
  const left = Object.entries(omitted).map(([type, bytes]) => ({ type, bytes }));
  const [event, content] = shownValue(forms, { omitted: left });
  const told = toGeneration3({ n: 7, event, body: Buffer.from(content) });
  return [told.n, told.event, Buffer.from(told.body).toString()];
}

describe('to generation 3', () => {
  it('a value is its richest form', () => {
    const forms = { 'text/plain': 'p', 'application/json': '{}', 'text/html': '<b>', 'image/png': 'PNG' };
    expect(older({ ...forms, 'image/svg+xml': '<svg/>' })).toEqual([
      7,
      { kind: 'media', type: 'image/svg+xml' },
      '<svg/>',
    ]);
    expect(older(forms)).toEqual([7, { kind: 'media', type: 'image/png' }, 'PNG']);
    expect(older({ 'text/plain': 'p', 'text/latex': '$x$', 'text/html': '<é>' })).toEqual([7, { kind: 'html' }, '<é>']);
  });

  it('a value that is text alone is a line of output', () => {
    expect(older({ 'text/plain': '42' })).toEqual([7, { kind: 'stdout' }, '42\n']);
    expect(older({ 'application/vnd.plotly.v1+json': '{}', 'text/plain': 'Figure()' })).toEqual([
      7,
      { kind: 'stdout' },
      'Figure()\n',
    ]);
  });

  it('a value whose forms were all too large is a line that says so', () => {
    const line = 'kernelet: image/png of 5000000 bytes is too large to be shown; save it to a file\n';
    expect(older({ 'text/plain': 'p' }, { 'image/png': 5_000_000 })).toEqual([7, { kind: 'stderr' }, line]);
    expect(older({}, { 'text/html': 9 })[2]).toBe(
      'kernelet: HTML of 9 bytes is too large to be shown; save it to a file\n',
    );
    expect(older({ 'image/png': 'PNG' }, { 'image/svg+xml': 5_000_000 })[2]).toBe('PNG');
  });

  it('a value of which nothing was known then is an event without bytes: the numbers go on', () => {
    expect(older({ 'application/vnd.plotly.v1+json': '{}' })).toEqual([7, { kind: 'stdout' }, '']);
  });

  it('an error is its traceback on standard error', () => {
    const event = { kind: 'error', name: 'ValueError', message: 'no' } as const;
    const body = Buffer.from('Traceback\n');
    expect(toGeneration3({ n: 3, event, body })).toEqual({ n: 3, event: { kind: 'stderr' }, body });
  });

  it('other events are what they are', () => {
    const told = { n: 9, event: { kind: 'finished', exitCode: 1, reason: 'exited' }, body: new Uint8Array() } as const;
    expect(toGeneration3(told)).toEqual(told);
  });
});

it('what generation 3 tells of a value is a value of one form, and to itself the same again', () => {
  const event = fromGeneration3('image/png', 3);
  expect(event).toEqual({ kind: 'display', role: 'display', forms: [{ type: 'image/png', bytes: 3 }], omitted: [] });
  const again = (type: string) =>
    toGeneration3({ n: 1, event: fromGeneration3(type, 1), body: Buffer.from('x') }).event;
  expect([again('image/png'), again('text/html')]).toEqual([{ kind: 'media', type: 'image/png' }, { kind: 'html' }]);
});

const numbered = (event: NumberedRunEvent['event'], text = ''): NumberedRunEvent => ({
  n: 7,
  event,
  body: Buffer.from(text),
});

// @promise runner-generations
it('an agent that knows of no queues hears nothing in place of what a run waits behind, and misses no number', () => {
  const queued = numbered({ kind: 'queued', behind: 'r' as RunId });
  expect(eventFor(3, queued, 6)).toEqual({ n: 7, event: { kind: 'stdout' }, body: new Uint8Array(0) });
  expect(eventFor(4, queued, 6)).toBe(queued);
});

it('what an older agent knows it is told as it is', () => {
  const output = numbered({ kind: 'stderr' }, 'text');
  expect(eventFor(1, output, 6)).toEqual(output);
});

// @promise runner-generations
it('an agent that knows of nothing dropped misses no number either, and the last one says it', () => {
  const dropped = numbered({ kind: 'dropped', upTo: 1000 });
  const silence = (n: number) => ({ n, event: { kind: 'stdout' }, body: new Uint8Array(0) });
  expect(eventFor(3, dropped, 4)).toEqual(silence(5));
  expect(eventFor(3, dropped, 5)).toEqual(silence(6));
  const told = eventFor(3, dropped, 6);
  expect([told.n, told.event.kind, Buffer.from(told.body).toString()]).toEqual([
    7,
    'stderr',
    'kernelet: output before this was not kept\n',
  ]);
  // A reader that comes has never heard of numbers before.
  expect(eventFor(3, dropped, 0)).toEqual(silence(7));
  expect(eventFor(4, dropped, 0)).toBe(dropped);
});
