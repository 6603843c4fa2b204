/**
 * What a kernel's record and its container mean together after a start of the daemon (spec kernel-lifecycle 16.3): a
 * running kernel is adopted, or is missing for now, a creation is undone, a destruction is finished, a restart is done again. Pure.
 */
import { KerneletError } from '../lib/errors.ts';
import { cleanUp } from './clean-up.ts';
import type { Ending, Finding, KernelState, LifecycleEvent, Reduction } from './lifecycle.ts';
import type { TerminationReason } from './record.ts';

/** What is said of a kernel whose container the engine has been seen to remove. */
export const removedByOthers = 'its container is gone: something else removed it';

function ending(reason: TerminationReason, detail: string, exitCode: number | null = null): Ending {
  return { reason, exitCode, detail, error: new KerneletError('KERNEL_DIED', detail) };
}

function recoverRunning(state: KernelState, finding: Finding, now: number): Reduction {
  switch (finding.as) {
    case 'alive':
      return {
        state: {
          ...state,
          stage: 'running',
          record: { ...state.record, containerId: finding.containerId, missingSince: null },
        },
        effects: [{ type: 'open-runner' }],
      };
    case 'dead': {
      const reason = finding.outOfMemory ? 'out-of-memory' : 'self-terminated';
      return cleanUp(state, ending(reason, finding.detail, finding.exitCode), { grace: false, now });
    }
    case 'removed':
      return cleanUp(state, ending('container-not-found', removedByOthers), { grace: false, now });
    case 'absent':
      // One listing proves nothing. Its runner may answer all the same.
      return {
        state: {
          ...state,
          stage: 'running',
          record: { ...state.record, missingSince: state.record.missingSince ?? now },
        },
        effects: [{ type: 'write', essential: false }, { type: 'open-runner' }],
      };
  }
}

/** Folds what recovery found into the state of a kernel whose record came from the journal. */
export function recover(
  state: KernelState,
  { finding, endTold }: Extract<LifecycleEvent, { readonly type: 'recovered' }>,
  now: number,
): Reduction {
  // The process that wrote the record has published the kernel, so that a terminal event is owed: unless it was killed
  // between publishing that and removing the record.
  const known: KernelState = { ...state, announced: !endTold };
  const { record } = state;
  switch (record.phase) {
    case 'running':
      return recoverRunning(known, finding, now);
    case 'creating':
      return cleanUp(known, ending('failed-to-create', 'the daemon ended while the kernel was being created'), {
        grace: false,
        now,
      });
    case 'restarting':
      return {
        state: {
          ...known,
          stage: 'restarting',
          work: 'renewal',
          record: { ...record, generation: record.generation + 1 },
        },
        effects: [{ type: 'write', essential: true }],
      };
    case 'terminating':
    case 'terminated': {
      const before = record.termination;
      const end = before
        ? ending(before.reason, before.detail, before.exitCode)
        : ending('self-terminated', 'the daemon ended while the kernel was being removed');
      const result = cleanUp(known, end, { grace: false, now: before?.at ?? now });
      // The journal says all this already.
      return { ...result, effects: result.effects.filter((effect) => effect.type !== 'write') };
    }
  }
}
