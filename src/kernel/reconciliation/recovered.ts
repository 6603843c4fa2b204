/**
 * What a kernel's record and its container mean together after a start of the daemon (spec kernel-lifecycle 16.3): a
 * running kernel is adopted, is missing for now, or has ended and may be started again, a creation is undone, a destruction is
 * finished, a restart is done again. Pure: the handler of `recovered` in `transitions.ts`.
 */
import { KerneletError } from '../../lib/errors.ts';
import { withPause } from '../pausing.ts';
import { isSuspended, type KernelRecord, type TerminationReason } from '../record.ts';
import { endDead } from '../replacement.ts';
import type { EventOf, Reduction, StateOf, TerminationCause } from '../state-machine.ts';
import { cleanUp } from '../termination.ts';

/** Detail of a kernel whose container the engine has been seen to remove. */
export const removedByOthers = 'its container is gone: something else removed it';

function causeOf(reason: TerminationReason, detail: string, exitCode: number | null = null): TerminationCause {
  return { reason, exitCode, detail, error: new KerneletError('KERNEL_DIED', detail) };
}

/** What is done about a record of each phase. */
const recoveries: Readonly<
  Record<KernelRecord['phase'], (record: KernelRecord, event: EventOf<'recovered'>, now: number) => Reduction>
> = {
  creating: (record, event, now) =>
    cleanUp(
      recoveredState(record, event),
      causeOf('failed-to-create', 'the daemon ended while the kernel was being created'),
      { grace: false, now },
    ),
  running: recoverRunning,
  restarting: (record, event) => ({
    state: {
      name: 'writing-restart',
      ...recoveredState({ ...record, phase: 'restarting', generation: record.generation + 1 }, event),
      before: null,
      grace: true,
    },
    effects: [{ type: 'write', essential: true }],
  }),
  terminating: recoverTerminating,
  terminated: recoverTerminating,
};

/**
 * The process that wrote the record has published the kernel, so that its termination is owed: unless that process was
 * killed between publishing it and removing the record.
 */
function recoveredState<Record extends KernelRecord>(record: Record, { terminationPublished }: EventOf<'recovered'>) {
  return { record, terminationOwed: !terminationPublished };
}

function recoverRunning(record: KernelRecord, event: EventOf<'recovered'>, now: number): Reduction {
  const { observation } = event;
  const running = recoveredState({ ...record, phase: 'running' }, event);
  switch (observation.type) {
    case 'alive': {
      const { containerId, isPaused } = observation;
      const found = { ...running.record, containerId, missingSince: null };
      const { record: seen, effects } = withPause(found, isPaused, now);
      return {
        state: { name: 'running', ...running, record: seen },
        effects: [
          { type: 'open-runner' },
          ...(isSuspended(seen) ? [{ type: 'suspend-runner', isSuspended: true } as const] : []),
          ...effects.filter(({ type }) => type !== 'suspend-runner'),
        ],
      };
    }
    case 'dead':
      return endDead(running, observation, now);
    case 'removed':
      return cleanUp(running, causeOf('container-not-found', removedByOthers), { grace: false, now });
    case 'absent':
      // One listing proves nothing. Its runner may answer all the same.
      return {
        state: {
          name: 'running',
          ...running,
          record: { ...running.record, missingSince: record.missingSince ?? now },
        },
        effects: [{ type: 'write', essential: false }, { type: 'open-runner' }],
      };
  }
}

function recoverTerminating(record: KernelRecord, event: EventOf<'recovered'>, now: number): Reduction {
  const { termination } = record;
  const cause = termination
    ? causeOf(termination.reason, termination.detail, termination.exitCode)
    : causeOf('self-terminated', 'the daemon ended while the kernel was being removed');
  const result = cleanUp(recoveredState(record, event), cause, { grace: false, now: termination?.at ?? now });
  // The journal says all this already.
  return { ...result, effects: result.effects.filter((effect) => effect.type !== 'write') };
}

/** Folds what recovery found into the state of a kernel whose record came from the journal. */
export function recover({ record }: StateOf<'new'>, event: EventOf<'recovered'>, now: number): Reduction {
  return recoveries[record.phase](record, event, now);
}
