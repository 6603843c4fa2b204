import { expect, it } from 'vitest';
import type { RunId } from '../lib/ids.ts';
import { endFor, summaryFor } from './generation-4.ts';
import { undescribed } from './run-description.ts';
import type { EndReason } from './run-event.ts';

const body = new Uint8Array();

// @promise runner-generations
it.each<[EndReason, EndReason]>([
  ['cpu-limit', 'time-limit'],
  ['output-limit', 'cancelled'],
  ['memory-limit', 'memory-limit'],
  ['exited', 'exited'],
])('the end %s is %s to generation 4, and itself to later ones', (reason, told) => {
  const numbered = { n: 3, event: { kind: 'finished', exitCode: -9, reason }, body } as const;
  expect(endFor(4, numbered)).toEqual({ n: 3, event: { kind: 'finished', exitCode: -9, reason: told }, body });
  expect(endFor(5, numbered)).toBe(numbered);
  const state = { run: 'r' as RunId, phase: 'finished', last: 3, oldest: 1, exitCode: -9 } as const;
  const summary = { ...undescribed, ...state, reason };
  expect(summaryFor(4, summary)).toEqual({ ...summary, reason: told });
  expect(summaryFor(5, summary)).toBe(summary);
});

it('other events, and runs that have not ended, are what they are', () => {
  const started = { n: 1, event: { kind: 'started' }, body } as const;
  expect(endFor(4, started)).toBe(started);
});
