/** One call of the engine goes wrong, in every phase of a kernel's life and in every way: what is promised holds all the same. */
import { beforeAll, describe, expect, it } from 'vitest';
import { callsIn, playSchedules } from '../player.ts';
import { faultCases } from './fault-matrix.ts';
import { phases, scheduleOf } from './phases.ts';

const minuteMs = 60_000;
const calls = await callsIn(phases.map(scheduleOf));
const cases = phases.flatMap((phase, index) => faultCases(phase, calls[index] ?? []));

// @promise engine-hangs, one-end, resources-add-up
describe('a node of whose engine one call goes wrong keeps its promises', () => {
  let failures: ReadonlyMap<string | undefined, string>;
  beforeAll(async () => {
    const summary = await playSchedules(cases);
    const told = summary.failures.map(
      ({ title, violation, transcript }) => [title, [violation, ...transcript].join('\n')] as const,
    );
    failures = new Map(told);
  }, 10 * minuteMs);

  it('in so many cases that none of its calls is left out', () => {
    expect(cases.length).toBeGreaterThan(350);
  });

  it.each(cases)('$title', ({ title }) => expect(failures.get(title)).toBeUndefined());
});
