/**
 * How a kernel gets another container: on request, or after its own has ended with the engine or the machine and the operator
 * has such kernels started again. That is tried a few times in a row, each later than the one before; a restart on request, for
 * which somebody waits, once. An engine that is away is waited for, and counts as no try. Pure: what handlers of
 * `transitions.ts` begin and end a restart with.
 */
import { KerneletError } from '../lib/errors.ts';
import { redactText } from '../lib/redaction.ts';
import type { KernelRecord, Restarts } from './record.ts';
import type { ContainerDeath, Reduction, StateOf, TerminationCause } from './state-machine.ts';
import { cleanUp } from './termination.ts';

/** How often in a row a kernel is started again at most. */
const maxTries = 5;
/** After which a kernel that runs has come back, in milliseconds: what ends it then begins a new row. */
const steadyMs = 10 * 60_000;
/** Pause before the replacement of a container is tried again, in milliseconds; doubled for each try that failed. */
const replacementRetryMs = 2_000;

/** A kernel that is published as running. */
type Running = Pick<StateOf<'running'>, 'record' | 'terminationOwed'>;

/** Why a restart is begun, and how. */
export interface RestartCause {
  readonly why: Pick<Restarts, 'reason' | 'detail' | 'tries'>;
  readonly grace: boolean;
  readonly now: number;
}

/** Begins a restart; `next`: the record with what is to be other than before. */
export function beginRestart(
  { record, terminationOwed }: Running,
  next: KernelRecord,
  { why, grace, now }: RestartCause,
): Reduction {
  const count = (record.restarts?.count ?? 0) + 1;
  return {
    state: {
      name: 'writing-restart',
      record: {
        ...next,
        phase: 'restarting',
        // One write covers both containers: a revert touches this generation and older ones.
        generation: record.generation + 1,
        missingSince: null,
        timings: [],
        restarts: { count, at: now, ...why },
      },
      terminationOwed,
      before: record,
      grace,
    },
    effects: [{ type: 'write', essential: true }],
  };
}

/** The container of a running kernel has ended: so has the kernel, unless it is to be started again. */
export function endDead(state: Running, death: ContainerDeath, now: number): Reduction {
  const { reason, exitCode, detail } = death;
  const { record } = state;
  const before = record.readyAt !== null && now - record.readyAt < steadyMs ? record.restarts : null;
  const tries = (before?.tries ?? 0) + 1;
  const isToRestart = death.isToRestart && record.unrecordedSince === null;
  if (isToRestart && tries <= maxTries)
    return beginRestart(state, record, { why: { reason, detail: redactText(detail), tries }, grace: false, now });
  const words = isToRestart ? `it was started again ${maxTries} times in a row: ${detail}` : detail;
  const error = new KerneletError('KERNEL_DIED', words);
  return cleanUp(state, { reason, exitCode, detail: words, error }, { grace: false, now });
}

/** The container could not be replaced, by what `cause` says: that is tried again, or the kernel ends by it. */
export function failReplacement(
  state: StateOf<'replacing' | 'recreating'>,
  cause: TerminationCause,
  { isAway, now }: { readonly isAway: boolean; readonly now: number },
): Reduction {
  const { restarts, spec } = state.record;
  const tries = restarts?.tries ?? 0;
  if (!isAway && (tries === 0 || tries >= maxTries)) {
    const detail = tries === 0 ? cause.detail : `it could not be started again in ${tries} tries: ${cause.detail}`;
    return cleanUp(state, { ...cause, detail }, { grace: false, now });
  }
  const when = isAway ? 'as soon as the engine that has its container answers' : 'once more in a moment';
  const text = `kernel ${spec.id} is restarted ${when}: ${isAway ? cause.error.message : cause.detail}`;
  const error = new KerneletError(cause.error.code, text, { context: { kernel: spec.id } });
  const tried = restarts && { ...restarts, tries: isAway ? tries : tries + 1 };
  return {
    state: { ...state, name: 'awaiting-replacement', record: { ...state.record, restarts: tried } },
    effects: [
      ...(isAway ? [] : [{ type: 'write', essential: false } as const]),
      { type: 'settle', answer: 'restarted', error },
      {
        type: 'schedule-retry',
        delayMs: isAway ? replacementRetryMs : replacementRetryMs * 2 ** tries,
        why: isAway ? cause.error.message : cause.detail,
      },
    ],
  };
}
