/** One call goes wrong, in every phase of a kernel's life and in every way: what is promised holds all the same. */
import { beforeAll, describe, expect, it } from 'vitest';
import { callsIn, playSchedules } from '../player.ts';
import { type FaultCase, faultCases } from './fault-matrix.ts';
import { kernelPhases, memberPhases, scheduleOf } from './phases.ts';

const minuteMs = 60_000;
const calls = await callsIn([...kernelPhases, ...memberPhases].map(scheduleOf));
const none = { engine: [], redis: [], etcd: [] };
const engineCases = kernelPhases.flatMap((phase, index) => faultCases(phase, calls[index] ?? none, 'engine'));
const memberCases = memberPhases.flatMap((phase, index) => {
  const own = calls[kernelPhases.length + index] ?? none;
  return [...faultCases(phase, own, 'redis'), ...faultCases(phase, own, 'etcd')];
});

/** `least`: so many cases there are, so that none of the calls is left out. */
function holdsInAll(cases: readonly FaultCase[], least: number): void {
  let failures: ReadonlyMap<string | undefined, string>;
  beforeAll(async () => {
    const summary = await playSchedules(cases);
    const told = summary.failures.map(
      ({ title, violation, transcript }) => [title, [violation, ...transcript].join('\n')] as const,
    );
    failures = new Map(told);
  }, 10 * minuteMs);

  it('in all of its calls', () => expect(cases.length).toBeGreaterThan(least));
  it.each(cases)('$title', ({ title }) => expect(failures.get(title)).toBeUndefined());
}

// @promise engine-hangs, one-end, resources-add-up
describe('a node of whose engine one call goes wrong keeps its promises', () => holdsInAll(engineCases, 400));

// @promise services-away, events-once
describe('a member keeps its promises when one call of Redis or etcd goes wrong', () => holdsInAll(memberCases, 150));
