/** Every call of the engine, of Redis and of etcd in every phase of a node's life, going wrong in every way: a schedule for each. */
import type { DummyMethod } from '../../../src/engine/dummy/dummy-faults.ts';
import { type ServiceFault, serviceFaults } from '../cluster/remote-service.ts';
import type { CallFault } from '../node/engine-host.ts';
import type { Action, Schedule } from '../schedule.ts';
import type { CallsOfAll } from '../worker-messages.ts';
import { type Phase, scheduleOf } from './phases.ts';

/** Of whose calls one goes wrong. */
type Target = keyof CallsOfAll;

/** How it is said that a call goes so. */
const words: Readonly<Record<CallFault | ServiceFault, string>> = {
  error: 'is refused',
  cut: 'has its connection cut',
  hang: 'is never answered',
  late: 'is late',
  'lost-reply': 'is done, its answer lost',
  'cut-reply': 'is done, its answer cut',
  'hang-after-success': 'is done, never answered',
  'events-twice': 'is done, each event comes twice',
};
const engineFaults = ['error', 'hang', 'late', 'lost-reply', 'cut-reply', 'hang-after-success'] as const;

/** Calls of the engine after which events come. */
const changes: ReadonlySet<string> = new Set<DummyMethod>([
  ...(['createContainer', 'startContainer', 'killContainer', 'removeContainer'] as const),
]);

/** Calls that come all the time, whatever a kernel does. */
const rounds: ReadonlySet<string> = new Set(['ping', 'XREAD', 'XADD', 'SET', 'EXPIRE', 'MULTI', 'EXEC']);

/** A schedule with the name of its case. */
export type FaultCase = Schedule & { readonly title: string };

/** The cases of a phase, given the calls that come in it when everything goes well. */
export function faultCases(phase: Phase, calls: CallsOfAll, target: Target): readonly FaultCase[] {
  const { from, forMs, most, hasRounds = false, name } = phase;
  const within = calls[target]
    .filter(({ call, at }) => at >= from && at < from + forMs && (hasRounds || !rounds.has(call)))
    .map(({ call }) => call);
  return [...new Set(within)].sort().flatMap((call) => {
    const count = Math.min(most, within.filter((one) => one === call).length);
    return Array.from({ length: count }, (_, after) => after).flatMap((after) =>
      failures(target, call, after).map(({ text, action }): FaultCase => {
        const { steps, ...rest } = scheduleOf(phase);
        const deed = steps.findIndex(({ at }) => at >= from);
        const title = `${name}: the ${after + 1}. ${call} ${text}`;
        return { ...rest, title, steps: steps.toSpliced(deed, 0, { at: from, ...action }) };
      }),
    );
  });
}

function failures(
  target: Target,
  call: string,
  after: number,
): readonly { readonly text: string; readonly action: Action }[] {
  if (target !== 'engine') {
    return serviceFaults.map((fault) => ({
      text: words[fault],
      action: { do: target === 'redis' ? 'fail-redis' : 'fail-etcd', call, fault, after },
    }));
  }
  const faults: readonly CallFault[] = changes.has(call) ? [...engineFaults, 'events-twice'] : engineFaults;
  return faults.map((fault) => ({
    text: words[fault],
    action: { do: 'fail-call', method: call as DummyMethod, fault, after },
  }));
}
