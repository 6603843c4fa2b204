import { expect, it } from 'vitest';
import type { RunId } from '../lib/ids.ts';
import { undescribed } from '../protocol/run-description.ts';
import type { RunSummary } from '../protocol/run-event.ts';
import { runNamed } from './run-names.ts';

const summary = (run: string, name: string | null, phase: RunSummary['phase'] = 'finished'): RunSummary => ({
  ...undescribed,
  ...{ run: run as RunId, name, phase, last: 1, oldest: 1, exitCode: null, reason: null },
});
const runs = [
  summary('abcd1', 'web'),
  summary('abcd2', 'web', 'running'),
  summary('abcd3', 'web'),
  summary('wxyz1', 'old'),
  summary('wxyz2', 'old'),
  summary('old2', 'abcd1'),
];

it.each([
  ['abcd1', 'abcd1'],
  ['web', 'abcd2'],
  ['old', 'wxyz2'],
  ['old2', 'old2'],
  ['wxyz1', 'wxyz1'],
  ['wxyz', null],
  ['abc', null],
  ['nothing', null],
  ['old2x', null],
])('%s stands for the run %s', (text, run) => {
  if (text === 'wxyz') expect(() => runNamed(text, runs)).toThrow(expect.objectContaining({ code: 'AMBIGUOUS_ID' }));
  else expect(runNamed(text, runs)).toBe(run);
});

it('four characters of an id stand for it', () => {
  expect(runNamed('wxyz', [summary('wxyz1', null)])).toBe('wxyz1');
  expect(runNamed('wxy', [summary('wxyz1', null)])).toBeNull();
});
