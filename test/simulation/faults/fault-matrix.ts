/** Every call of the engine in every phase of a kernel's life, going wrong in every way: a schedule for each. */
import type { DummyMethod } from '../../../src/engine/dummy/dummy-faults.ts';
import type { CallFault, HostCall } from '../node/engine-host.ts';
import type { Schedule, Step } from '../schedule.ts';
import { type Phase, scheduleOf } from './phases.ts';

/** How it is said that a call goes so. */
const words: Readonly<Record<CallFault, string>> = {
  error: 'is refused',
  hang: 'is never answered',
  late: 'is late',
  'lost-reply': 'is done, its answer lost',
  'cut-reply': 'is done, its answer cut',
  'hang-after-success': 'is done, never answered',
  'events-twice': 'is done, each event comes twice',
};
const faults = Object.keys(words) as readonly CallFault[];

/** Calls after which events come. */
const changes: ReadonlySet<DummyMethod> = new Set([
  ...(['createContainer', 'startContainer', 'killContainer', 'removeContainer'] as const),
]);

/** A schedule with the name of its case. */
export type FaultCase = Schedule & { readonly title: string };

/** The cases of a phase, given the calls that come in it when everything goes well. */
export function faultCases(phase: Phase, calls: readonly HostCall[]): readonly FaultCase[] {
  const { from, forMs, most, name } = phase;
  const within = calls.filter(({ at }) => at >= from && at < from + forMs).map(({ method }) => method);
  return [...new Set(within)].sort().flatMap((method) => {
    // Whether the engine is there is asked all the time, whatever the kernel does.
    const count = Math.min(method === 'ping' ? 1 : most, within.filter((one) => one === method).length);
    return Array.from({ length: count }, (_, after) => after).flatMap((after) =>
      faults
        .filter((fault) => fault !== 'events-twice' || changes.has(method))
        .map((fault): FaultCase => {
          const { steps, ...rest } = scheduleOf(phase);
          const failing: Step = { at: from, do: 'fail-call', method, fault, after };
          const deed = steps.findIndex(({ at }) => at >= from);
          const title = `${name}: the ${after + 1}. ${method} ${words[fault]}`;
          return { ...rest, title, steps: steps.toSpliced(deed, 0, failing) };
        }),
    );
  });
}
