import { describe, expect, it } from 'vitest';
import { parseRunId } from '../lib/ids.ts';
import type { RunSummary } from '../wire/run-event.ts';
import { RunBook } from './run-book.ts';

const summary = (name: string, more: Partial<RunSummary> = {}): RunSummary => ({
  ...{ run: parseRunId(name), phase: 'running', last: 1, oldest: 1, exitCode: null, reason: null },
  ...more,
});

describe('RunBook', () => {
  it('follows a run from its acceptance to its end', () => {
    const book = new RunBook();
    const run = parseRunId('a');
    book.accepted(run);
    expect(book.get(run)).toMatchObject({ phase: 'queued', last: 0 });
    book.update(summary('a', { last: 3 }));
    book.accepted(run);
    book.received(run, { n: 4, event: { kind: 'finished', exitCode: 2, reason: 'exited' }, body: new Uint8Array(0) });
    expect(book.get(run)).toMatchObject({ phase: 'finished', last: 4, exitCode: 2, reason: 'exited' });
    book.taken(run);
    expect(book.isTaken(run)).toBe(true);
    book.update(summary('a'));
    expect(book.get(run)?.phase).toBe('finished');
  });

  it("takes the runner's list for all there is, but remembers what was taken", () => {
    const book = new RunBook();
    for (const name of ['a', 'b']) book.update(summary(name));
    book.taken(parseRunId('a'));
    book.replace([summary('c')]);
    expect(book.list().map(({ run }) => run)).toEqual(['a', 'c']);
    book.forget(parseRunId('c'));
    expect(book.get(parseRunId('c'))).toBeUndefined();
  });

  it('stays bounded, and loses finished runs first', () => {
    const book = new RunBook();
    book.update(summary('keep'));
    for (let index = 0; index < 3000; index += 1) book.update(summary(`f${index}`, { phase: 'finished' }));
    expect(book.list()).toHaveLength(2000);
    expect(book.get(parseRunId('keep'))).toBeDefined();
    for (let index = 0; index < 300; index += 1) {
      book.accepted(parseRunId(`t${index}`));
      book.taken(parseRunId(`t${index}`));
    }
    expect(book.isTaken(parseRunId('t199'))).toBe(false);
    expect(book.isTaken(parseRunId('t200'))).toBe(true);
  });
});
