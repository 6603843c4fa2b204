/**
 * The way to a kernel's end, shared by every reason for it: one clean-up, tried until it succeeds, that answers every
 * caller and publishes one terminal event. That event waits for the clean-up, unless the container is known to be dead and
 * the engine cannot remove it: nobody else tells of such an end, and what the kernel holds stays held (spec
 * kernel-lifecycle B46). Pure; called by the reducer.
 */
import { KerneletError } from '../lib/errors.ts';
import type { Effect, Ending, KernelState, Reduction } from './lifecycle.ts';
import type { Termination, TerminationReason } from './record.ts';

/** Callers of a destruction are answered with an error after this many failed clean-ups; the tries go on. */
export const triesBeforeAnswer = 3;
/** Or when the first failure comes this late: an engine that hangs. */
const answerAfterMs = 20_000;

const firstRetryMs = 500;
const maxRetryMs = 30_000;

/** Ends of containers that have been seen. */
const seenEnds: ReadonlySet<TerminationReason> = new Set(['self-terminated', 'out-of-memory', 'container-not-found']);

const revertAll = (grace: boolean): Effect => ({ type: 'start-revert', scope: 'kernel', grace });

/** Begins the end of a kernel: cancels what is under way and reverts everything once that has stopped. */
export function cleanUp(state: KernelState, ending: Ending, options: { grace: boolean; now: number }): Reduction {
  const { reason, exitCode, detail, error } = ending;
  const termination: Termination = { reason, exitCode, detail, at: options.now };
  const record = { ...state.record, phase: 'terminating' as const, missingSince: null, termination };
  const ended: KernelState = { ...state, stage: 'terminating', record, ending };
  const note: Effect = { type: 'write', essential: false };
  if (state.work === 'creation') return { state: ended, effects: [note, { type: 'cancel-creation', error }] };
  if (state.work === 'handover') return { state: ended, effects: [note, { type: 'skip-grace' }] };
  return { state: { ...ended, work: 'clean-up' }, effects: [note, revertAll(options.grace)] };
}

/** The creation that a destruction had cancelled has stopped, one way or the other. Null: there was none. */
export function continueCleanUp(state: KernelState): Reduction | null {
  if (state.work !== 'creation') return null;
  return { state: { ...state, work: 'clean-up' }, effects: [revertAll(false)] };
}

/** A revert has ended. Null: none was under way. */
export function cleanedUp(state: KernelState, failures: readonly string[], now: number): Reduction | null {
  if (state.work === 'handover') return { state: { ...state, work: 'clean-up' }, effects: [revertAll(false)] };
  if (state.work !== 'clean-up') return null;
  const pending = state.ending?.error ?? new KerneletError('KERNEL_DIED', `kernel ${state.record.spec.id} has ended`);
  return failures.length === 0 ? finish(state, pending) : fail(state, failures, pending, now);
}

/** The terminal event, if it is owed. */
function terminal({ announced, record: { spec, termination } }: KernelState): readonly Effect[] {
  if (!announced) return [];
  const event = {
    type: 'kernel-terminated',
    kernelId: spec.id,
    sessionId: spec.sessionId,
    reason: termination?.reason ?? 'self-terminated',
    exitCode: termination?.exitCode ?? null,
    detail: termination?.detail ?? '',
  } as const;
  return [{ type: 'announce', event }];
}

function finish(state: KernelState, pending: KerneletError): Reduction {
  return {
    state: { ...state, stage: 'terminated', work: 'none', record: { ...state.record, phase: 'terminated' } },
    effects: [
      ...terminal(state),
      { type: 'forget' },
      { type: 'settle', answer: 'created', error: pending },
      { type: 'settle', answer: 'restarted', error: pending },
      { type: 'settle', answer: 'destroyed', error: null },
      { type: 'ended' },
    ],
  };
}

function fail(state: KernelState, reasons: readonly string[], pending: KerneletError, now: number): Reduction {
  const failures = state.failures + 1;
  const { spec, termination } = state.record;
  const { id } = spec;
  const late = now - (termination?.at ?? now) >= answerAfterMs;
  const isAnswered = failures >= triesBeforeAnswer || late;
  const isTold = isAnswered && termination !== null && seenEnds.has(termination.reason);
  const text = `kernel ${id} could not be removed yet: ${reasons.join('; ')}; it is tried again`;
  const error = new KerneletError('ENGINE_FAILED', text, { context: { kernel: id } });
  const answers: readonly Effect[] = [
    { type: 'settle', answer: 'created', error: pending },
    { type: 'settle', answer: 'restarted', error: pending },
    { type: 'settle', answer: 'destroyed', error },
  ];
  const delayMs = Math.min(maxRetryMs, firstRetryMs * 2 ** (failures - 1));
  return {
    state: { ...state, work: 'retry', failures, announced: state.announced && !isTold },
    effects: [
      { type: 'count', invariantViolation: 'failed-clean-up', detail: reasons.join('; ') },
      { type: 'schedule-retry', delayMs },
      ...(isTold ? terminal(state) : []),
      ...(isAnswered ? answers : []),
    ],
  };
}

/** Tries a failed clean-up again; nothing when none is waiting. */
export function tryAgain(state: KernelState): Reduction {
  if (state.work !== 'retry') return { state, effects: [] };
  return { state: { ...state, work: 'clean-up' }, effects: [revertAll(false)] };
}
