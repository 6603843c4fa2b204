import { describe, expect, it } from 'vitest';
import { parseRunId } from '../lib/ids.ts';
import { undescribed } from '../protocol/run-description.ts';
import type { RunSummary } from '../protocol/run-event.ts';
import { RunIndex } from './run-index.ts';

const a = parseRunId('a');
const summary = (name: string, more: Partial<RunSummary> = {}): RunSummary => ({
  ...{ ...undescribed, run: parseRunId(name), phase: 'running', last: 1, oldest: 1, exitCode: null, reason: null },
  ...more,
});

describe('RunIndex', () => {
  it('follows a run from its acceptance to its end', () => {
    const runs = new RunIndex();
    expect(runs.isGone(a)).toBe(true);
    runs.accepted(a);
    expect(runs.get(a)).toMatchObject({ phase: 'queued', last: 0 });
    runs.update(summary('a', { last: 3 }));
    runs.accepted(a);
    runs.received(a, { n: 2, event: { kind: 'stdout' }, body: new Uint8Array(0) });
    expect(runs.get(a)).toMatchObject({ phase: 'running', last: 3 });
    runs.received(a, { n: 4, event: { kind: 'finished', exitCode: 2, reason: 'exited' }, body: new Uint8Array(0) });
    expect(runs.get(a)).toMatchObject({ phase: 'finished', last: 4, exitCode: 2, reason: 'exited' });
    expect(runs.isGone(a)).toBe(false);
  });

  it("takes the runner's list for all there is, but remembers how runs ended", () => {
    const runs = new RunIndex();
    for (const name of ['a', 'b']) runs.update(summary(name));
    runs.update(summary('a', { phase: 'finished', exitCode: 1 }));
    runs.replace([summary('c')]);
    expect(runs.list().map(({ run }) => run)).toEqual(['a', 'c']);
    expect(runs.isGone(a)).toBe(true);
    runs.update(summary('a', { phase: 'finished' }));
    expect(runs.isGone(a)).toBe(false);
    runs.gone(a);
    expect(runs.isGone(a)).toBe(true);
    runs.forget(parseRunId('c'));
    expect(runs.get(parseRunId('c'))).toBeUndefined();
  });

  it('remembers at most 2,000 runs, and 100 finished ones', () => {
    const runs = new RunIndex();
    runs.update(summary('a'));
    for (let index = 0; index < 3000; index += 1) runs.update(summary(`f${index}`, { phase: 'finished' }));
    expect(runs.list()).toHaveLength(101);
    expect(runs.get(a)).toBeDefined();
    for (let index = 0; index < 3000; index += 1) runs.accepted(parseRunId(`q${index}`));
    expect(runs.list()).toHaveLength(2000);
  });
});
