/**
 * The way to a kernel's end, shared by every cause: one clean-up, tried until it succeeds, that answers every caller and
 * publishes one `kernel-terminated`. That event waits for the clean-up, unless the container is known to be dead and the
 * engine cannot remove it: nobody else reports such an end, and what the kernel holds stays held (spec
 * kernel-lifecycle B46). Pure: handlers of `transitions.ts`, and what other handlers begin an end with.
 */
import type { ErrorCode } from '../lib/error-codes.ts';
import { KerneletError } from '../lib/errors.ts';
import { redactText } from '../lib/redaction.ts';
import { containerEndReasons, type KernelRecord, type TerminationReason } from './record.ts';
import type { Effect, EventOf, Reduction, RevertFailure, StateOf, TerminationCause } from './state-machine.ts';

/** Callers of a destruction are answered with an error after this many failed clean-ups; the tries go on. */
export const triesBeforeAnswer = 3;
/** Or when the first failure comes this late: an engine that hangs. */
const answerAfterMs = 20_000;

/** That the engine is away, or hangs, says nothing of the kernel, and breaks no invariant. */
export const awayCodes: ReadonlySet<ErrorCode> = new Set(['ENGINE_CHANGED', 'ENGINE_UNAVAILABLE', 'DEADLINE_EXCEEDED']);

/** Stands for the step of a failure where an end is put off until it can be recorded: nothing was undone yet. */
export const putOffStep = 'journal';

const firstRetryMs = 500;
const maxRetryMs = 30_000;

/** Of containers whose end has been seen. */
const observedReasons: ReadonlySet<TerminationReason> = new Set([...containerEndReasons, 'container-not-found']);

/** Reasons that are nobody's wish: what happens to a container, and what goes wrong in a restart. */
const unasked: ReadonlySet<TerminationReason> = new Set([
  ...observedReasons,
  'failed-to-start',
  'failed-to-create',
  'restart-timeout',
]);

/** Whether there may be something in an ended kernel's home that somebody misses. */
export function isToBeKept({ readyAt, restoredFrom, unrecordedSince, termination }: KernelRecord): boolean {
  // Whoever removes such a kernel ends what is broken, and may want the files.
  if (unrecordedSince !== null) return true;
  // What is brought back is not lost by a creation that fails, or that somebody gives up.
  if (readyAt === null) return restoredFrom !== null;
  return termination !== null && unasked.has(termination.reason);
}

const writeRecord: Effect = { type: 'write', essential: false };
const revertAll = (grace: boolean): Effect => ({ type: 'start-revert', scope: 'kernel', grace });

/** What is known of a kernel that can be terminated. */
interface Terminable {
  readonly record: KernelRecord;
  readonly terminationOwed: boolean;
}

/** How one is terminated when nothing is under way that has to stop first. */
export interface CleanUpOptions {
  /** Whether the tenant's processes get time to end by themselves. */
  readonly grace: boolean;
  readonly now: number;
}

function terminating({ record, terminationOwed }: Terminable, cause: TerminationCause, now: number) {
  const { reason, exitCode, detail } = cause;
  // What others have said of it may repeat what they were given.
  const termination = { reason, exitCode, detail: redactText(detail), at: now };
  return {
    record: { ...record, phase: 'terminating' as const, missingSince: null, termination },
    terminationOwed,
    cause,
  };
}

/** Terminates a kernel that nothing is under way for. */
export function cleanUp(state: Terminable, cause: TerminationCause, { grace, now }: CleanUpOptions): Reduction {
  return {
    state: { name: 'cleaning-up', ...terminating(state, cause, now), failedCleanUps: 0 },
    effects: [writeRecord, revertAll(grace)],
  };
}

/** Terminates a kernel whose steps are being applied: they stop first. */
export function cancelCreation(
  state: StateOf<'creating' | 'recreating'>,
  cause: TerminationCause,
  now: number,
): Reduction {
  return {
    state: { name: 'cancelling-creation', ...terminating(state, cause, now) },
    effects: [writeRecord, { type: 'cancel-creation', error: cause.error }],
  };
}

/** Terminates a kernel whose old container is being removed for a restart: that ends first, without its grace. */
export function cancelReplacement(state: StateOf<'replacing'>, cause: TerminationCause, now: number): Reduction {
  return {
    state: { name: 'cancelling-replacement', ...terminating(state, cause, now) },
    effects: [writeRecord, { type: 'skip-grace' }],
  };
}

/** What had been cancelled has stopped, one way or the other. */
export function startCleanUp(state: StateOf<'cancelling-creation' | 'cancelling-replacement'>): Reduction {
  return { state: { ...state, name: 'cleaning-up', failedCleanUps: 0 }, effects: [revertAll(false)] };
}

/** A failed clean-up is tried again. */
export function retryCleanUp(state: StateOf<'awaiting-retry'>): Reduction {
  return { state: { ...state, name: 'cleaning-up' }, effects: [revertAll(false)] };
}

/** The destruction under way answers this caller too. */
export function joinDestruction(
  state: StateOf<'cancelling-creation' | 'cancelling-replacement' | 'cleaning-up'>,
  { force }: EventOf<'destroy'>,
): Reduction {
  return { state, effects: force ? [{ type: 'skip-grace' }] : [] };
}

/** There is nothing left to destroy. */
export function answerDestroyed(state: StateOf<'terminated'>): Reduction {
  return { state, effects: [{ type: 'settle', answer: 'destroyed', error: null }] };
}

/** A clean-up has ended: so has the kernel, unless something of it could not be reverted. */
export function finishCleanUp(
  state: StateOf<'cleaning-up'>,
  { failures }: EventOf<'reverted'>,
  now: number,
): Reduction {
  if (failures.length > 0) return failCleanUp(state, failures, now);
  const { record, cause } = state;
  return {
    state: { name: 'terminated', record: { ...record, phase: 'terminated' } },
    effects: [
      ...(state.terminationOwed ? [publishTermination(state)] : []),
      { type: 'remove-record' },
      { type: 'settle', answer: 'created', error: cause.error },
      { type: 'settle', answer: 'restarted', error: cause.error },
      { type: 'settle', answer: 'destroyed', error: null },
      { type: 'ended' },
    ],
  };
}

/** What could not be undone, for people. */
export function describeFailures(failures: readonly RevertFailure[]): string {
  return failures.map(({ step, message }) => `${step}: ${message}`).join('; ');
}

function failCleanUp(state: StateOf<'cleaning-up'>, failures: readonly RevertFailure[], now: number): Reduction {
  const reasons = describeFailures(failures);
  const { spec, termination } = state.record;
  const failedCleanUps = state.failedCleanUps + 1;
  const isAnswered = failedCleanUps >= triesBeforeAnswer || now - termination.at >= answerAfterMs;
  // An engine may fail a call; that it goes on to is what somebody has to look at.
  const isViolation = isAnswered && failures.some(({ step, code }) => step !== putOffStep && !awayCodes.has(code));
  const isPublished = isAnswered && observedReasons.has(termination.reason);
  const text = `kernel ${spec.id} could not be removed yet: ${reasons}; it is tried again`;
  const error = new KerneletError('ENGINE_FAILED', text, { context: { kernel: spec.id } });
  const answers: readonly Effect[] = [
    { type: 'settle', answer: 'created', error: state.cause.error },
    { type: 'settle', answer: 'restarted', error: state.cause.error },
    { type: 'settle', answer: 'destroyed', error },
  ];
  const delayMs = Math.min(maxRetryMs, firstRetryMs * 2 ** (failedCleanUps - 1));
  return {
    state: {
      ...state,
      name: 'awaiting-retry',
      failedCleanUps,
      terminationOwed: state.terminationOwed && !isPublished,
    },
    effects: [
      ...(isViolation ? [violation(reasons)] : []),
      { type: 'schedule-retry', delayMs, why: reasons },
      ...(isPublished && state.terminationOwed ? [publishTermination(state)] : []),
      ...(isAnswered ? answers : []),
    ],
  };
}

const violation = (detail: string): Effect => ({ type: 'count', invariantViolation: 'failed-clean-up', detail });

function publishTermination({ record: { spec, termination } }: StateOf<'cleaning-up'>): Effect {
  const { reason, exitCode, detail } = termination;
  const { id: kernelId, sessionId } = spec;
  return { type: 'publish', event: { type: 'kernel-terminated', kernelId, sessionId, reason, exitCode, detail } };
}
