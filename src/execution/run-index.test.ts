import { describe, expect, it } from 'vitest';
import { parseRunId } from '../lib/ids.ts';
import type { RunSummary } from '../protocol/run-event.ts';
import { RunIndex } from './run-index.ts';

const a = parseRunId('a');
const summary = (name: string, more: Partial<RunSummary> = {}): RunSummary => ({
  ...{ run: parseRunId(name), phase: 'running', last: 1, oldest: 1, exitCode: null, reason: null },
  ...more,
});

describe('RunIndex', () => {
  it('follows a run from its acceptance to its end', () => {
    const book = new RunIndex();
    expect(book.isGone(a)).toBe(true);
    book.accepted(a);
    expect(book.get(a)).toMatchObject({ phase: 'queued', last: 0 });
    book.update(summary('a', { last: 3 }));
    book.accepted(a);
    book.received(a, { n: 2, event: { kind: 'stdout' }, body: new Uint8Array(0) });
    expect(book.get(a)).toMatchObject({ phase: 'running', last: 3 });
    book.received(a, { n: 4, event: { kind: 'finished', exitCode: 2, reason: 'exited' }, body: new Uint8Array(0) });
    expect(book.get(a)).toMatchObject({ phase: 'finished', last: 4, exitCode: 2, reason: 'exited' });
    expect(book.isGone(a)).toBe(false);
  });

  it("takes the runner's list for all there is, but remembers how runs ended", () => {
    const book = new RunIndex();
    for (const name of ['a', 'b']) book.update(summary(name));
    book.update(summary('a', { phase: 'finished', exitCode: 1 }));
    book.replace([summary('c')]);
    expect(book.list().map(({ run }) => run)).toEqual(['a', 'c']);
    expect(book.isGone(a)).toBe(true);
    book.update(summary('a', { phase: 'finished' }));
    expect(book.isGone(a)).toBe(false);
    book.gone(a);
    expect(book.isGone(a)).toBe(true);
    book.forget(parseRunId('c'));
    expect(book.get(parseRunId('c'))).toBeUndefined();
  });

  it('stays bounded', () => {
    const book = new RunIndex();
    book.update(summary('a'));
    for (let index = 0; index < 3000; index += 1) book.update(summary(`f${index}`, { phase: 'finished' }));
    expect(book.list()).toHaveLength(101);
    expect(book.get(a)).toBeDefined();
    for (let index = 0; index < 3000; index += 1) book.accepted(parseRunId(`q${index}`));
    expect(book.list()).toHaveLength(2000);
  });
});
