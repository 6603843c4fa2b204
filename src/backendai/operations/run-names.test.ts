import { expect, it } from 'vitest';
import { parseRunId, type RunId } from '../../lib/ids.ts';
import type { RunPhase, RunSummary } from '../../protocol/run-event.ts';
import { firstRunId, laterRunId, newestRunId } from './run-names.ts';

const summary = (run: RunId, phase: RunPhase = 'finished'): RunSummary => ({
  run,
  phase,
  last: 1,
  oldest: 1,
  exitCode: null,
  reason: null,
});

it('takes names that are ids as they are, and makes ids of all others', () => {
  expect(firstRunId('5facbf2f2697c1b7')).toBe('5facbf2f2697c1b7');
  const odd = ['', ' ', 'my run', '../x', '\u{1f600}', 'x'.repeat(65), 'a\0b'];
  const ids = odd.map(firstRunId);
  expect(ids.map(parseRunId)).toEqual(ids);
  expect(new Set(ids).size).toBe(odd.length);
  expect(odd.map(firstRunId)).toEqual(ids);
  expect(() => firstRunId('x'.repeat(1025))).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
});

it('finds the run that a name stands for', () => {
  const [early, late] = [laterRunId('my run', 999), laterRunId('my run', 1_795_627_344_433)];
  expect([early, late].map(parseRunId)).toEqual([early, late]);
  const first = firstRunId('my run');
  const others = [summary(parseRunId('my')), summary(laterRunId('another', 5))];
  expect(newestRunId('my run', others)).toBe(first);
  expect(newestRunId('my run', [...others, summary(first)])).toBe(first);
  expect(newestRunId('my run', [summary(late), summary(first), summary(early)])).toBe(late);
  expect(newestRunId('my run', [summary(early), summary(late), summary(first, 'running')])).toBe(first);
});
