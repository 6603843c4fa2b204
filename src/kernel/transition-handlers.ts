/**
 * Handlers of `transitions.ts`: creating a kernel, restarting it, and what is observed of its container. Each is pure,
 * and belongs to the states and the event of its signature; how a kernel ends is in `termination.ts`.
 */
import { KerneletError } from '../lib/errors.ts';
import { redactText } from '../lib/redaction.ts';
import { withPause } from './pausing.ts';
import type { KernelRecord } from './record.ts';
import { beginRestart, endDead, failReplacement } from './replacement.ts';
import type { Effect, EventOf, KernelState, Reduction, StateOf, TerminationCause } from './state-machine.ts';
import { awayCodes, cancelCreation, cancelReplacement, cleanUp, describeFailures } from './termination.ts';

const idsOf = ({ spec }: KernelRecord) => ({ kernelId: spec.id, sessionId: spec.sessionId });

const same = (state: KernelState, ...effects: readonly Effect[]): Reduction => ({ state, effects });

/** A hint that came late, or that the work under way sees for itself. */
export function ignore(state: KernelState): Reduction {
  return same(state);
}

export function begin({ record }: StateOf<'new'>): Reduction {
  return {
    state: { name: 'writing-intent', record: { ...record, phase: 'creating' } },
    effects: [{ type: 'write', essential: true }],
  };
}

export function startCreation({ record }: StateOf<'writing-intent'>): Reduction {
  return {
    state: { name: 'creating', record, terminationOwed: true },
    effects: [
      { type: 'publish', event: { type: 'kernel-preparing', ...idsOf(record) } },
      { type: 'publish', event: { type: 'kernel-creating', ...idsOf(record) } },
      { type: 'start-creation', scope: 'kernel' },
    ],
  };
}

/** Nothing has been started, and the kernel has not been published. */
export function failIntent(
  { record }: StateOf<'writing-intent'>,
  { error }: EventOf<'write-failed'>,
  now: number,
): Reduction {
  const termination = { reason: 'failed-to-create', exitCode: null, detail: redactText(error.message), at: now };
  return {
    state: { name: 'terminated', record: { ...record, phase: 'terminated', termination } },
    effects: [{ type: 'remove-record' }, { type: 'settle', answer: 'created', error }, { type: 'ended' }],
  };
}

export function learn<State extends StateOf<'creating' | 'recreating' | 'cancelling-creation'>>(
  state: State,
  { step, ms, change }: EventOf<'step-applied'>,
): Reduction {
  const timings = [...state.record.timings, { step, ms }];
  // A step changes neither the phase nor the termination, which the state's type fixes.
  return same({ ...state, record: { ...state.record, ...change, timings } } as State);
}

export function commitCreation(
  { record, terminationOwed }: StateOf<'creating' | 'recreating'>,
  _event: EventOf<'creation-done'>,
  now: number,
): Reduction {
  return {
    state: { name: 'writing-start', record: { ...record, phase: 'running', readyAt: now }, terminationOwed },
    effects: [{ type: 'write', essential: true }],
  };
}

export function confirmStart(state: StateOf<'writing-start'>): Reduction {
  const { record } = state;
  return {
    state: { ...state, name: 'running' },
    effects: [
      { type: 'publish', event: { type: 'kernel-started', restarted: record.generation > 1, ...idsOf(record) } },
      { type: 'open-runner' },
      { type: 'settle', answer: 'created', error: null },
      { type: 'settle', answer: 'restarted', error: null },
    ],
  };
}

export function failStartWrite(
  state: StateOf<'writing-start'>,
  { error }: EventOf<'write-failed'>,
  now: number,
): Reduction {
  if (state.record.generation > 1) {
    // People have worked in it: a record that is behind costs it another restart if this process ends, and no more.
    const { state: running, effects } = confirmStart(state);
    return { state: running, effects: [...effects, { type: 'write', essential: false }] };
  }
  return cleanUp(
    state,
    { reason: 'failed-to-create', exitCode: null, detail: error.message, error },
    { grace: false, now },
  );
}

function failedStep({ step, error }: EventOf<'creation-failed'>, reason: TerminationCause['reason']): TerminationCause {
  const exitCode = typeof error.context['exitCode'] === 'number' ? error.context['exitCode'] : null;
  return { reason, exitCode, detail: `step ${step} failed: ${error.message}`, error };
}

export function failCreation(state: StateOf<'creating'>, event: EventOf<'creation-failed'>, now: number): Reduction {
  const reason = event.step === 'ready' ? 'failed-to-start' : 'failed-to-create';
  return cleanUp(state, failedStep(event, reason), { grace: false, now });
}

export function failRecreation(
  state: StateOf<'recreating'>,
  event: EventOf<'creation-failed'>,
  now: number,
): Reduction {
  // What had been made is removed by the next try, which then begins anew.
  return failReplacement(state, failedStep(event, 'failed-to-start'), { isAway: awayCodes.has(event.error.code), now });
}

function requested({ reason, detail, error }: EventOf<'destroy'>): TerminationCause {
  return { reason, exitCode: null, detail, error };
}

export function destroyCreation(
  state: StateOf<'creating' | 'recreating'>,
  event: EventOf<'destroy'>,
  now: number,
): Reduction {
  return cancelCreation(state, requested(event), now);
}

export function destroyRunning(state: StateOf<'running'>, event: EventOf<'destroy'>, now: number): Reduction {
  return cleanUp(state, requested(event), { grace: !event.force, now });
}

export function destroyWaiting(
  state: StateOf<'awaiting-replacement'>,
  event: EventOf<'destroy'>,
  now: number,
): Reduction {
  return cleanUp(state, requested(event), { grace: false, now });
}

export function destroyReplacement(state: StateOf<'replacing'>, event: EventOf<'destroy'>, now: number): Reduction {
  return cancelReplacement(state, requested(event), now);
}

export function requestRestart(
  { record, terminationOwed }: StateOf<'running'>,
  { environ }: EventOf<'restart'>,
  now: number,
): Reduction {
  const spec = { ...record.spec, environ: [...new Map([...record.spec.environ, ...environ])] };
  const why = { reason: 'user-requested', detail: 'it was restarted on request', tries: 0 };
  return beginRestart({ record, terminationOwed }, { ...record, spec }, { why, grace: true, now });
}

export function refuseRestart(state: KernelState): Reduction {
  const { spec, phase } = state.record;
  const error = new KerneletError('KERNEL_NOT_RUNNING', `kernel ${spec.id} is ${phase}`, {
    context: { kernel: spec.id, phase },
  });
  return same(state, { type: 'settle', answer: 'restarted', error });
}

export function beginReplacement({ record, terminationOwed, grace }: StateOf<'writing-restart'>): Reduction {
  const { restarts } = record;
  const told = restarts && { reason: restarts.reason, detail: restarts.detail };
  return {
    state: { name: 'replacing', record, terminationOwed },
    effects: [
      ...(told ? [{ type: 'publish', event: { type: 'kernel-restarting', ...told, ...idsOf(record) } } as const] : []),
      { type: 'start-revert', scope: 'generation', grace },
    ],
  };
}

export function failRestartWrite(
  state: StateOf<'writing-restart'>,
  { error }: EventOf<'write-failed'>,
  now: number,
): Reduction {
  const { before, terminationOwed } = state;
  if (before === null) {
    // The kernel may have no container any more.
    const cause: TerminationCause = { reason: 'failed-to-start', exitCode: null, detail: error.message, error };
    return cleanUp(state, cause, { grace: false, now });
  }
  return {
    state: { name: 'running', record: before, terminationOwed },
    effects: [
      // A write that was only given up may still be done, and this one comes after it.
      { type: 'write', essential: false },
      { type: 'settle', answer: 'restarted', error },
    ],
  };
}

/** The tenant's processes have had their grace. */
export function retryReplacement(state: StateOf<'awaiting-replacement'>): Reduction {
  return {
    state: { ...state, name: 'replacing' },
    effects: [{ type: 'start-revert', scope: 'generation', grace: false }],
  };
}

/** The old container is gone, and its steps are applied anew; or it could not be removed. */
export function recreate(state: StateOf<'replacing'>, { failures }: EventOf<'reverted'>, now: number): Reduction {
  const [failure] = failures;
  if (failure) {
    const isAway = failures.every(({ code }) => awayCodes.has(code));
    const detail = isAway ? failure.message : `the old container could not be removed: ${describeFailures(failures)}`;
    const error = new KerneletError(isAway ? failure.code : 'ENGINE_FAILED', detail);
    return failReplacement(state, { reason: 'restart-timeout', exitCode: null, detail, error }, { isAway, now });
  }
  return {
    state: { ...state, name: 'recreating', record: { ...state.record, containerId: null, paused: null } },
    effects: [{ type: 'start-creation', scope: 'generation' }],
  };
}

/** Whether a container is this kernel's present one, as far as the record knows. */
function isPresent(
  { record }: KernelState,
  event: EventOf<'container-died' | 'container-missing' | 'container-gone'>,
): boolean {
  if (record.containerId === event.containerId) return true;
  return record.containerId === null && event.generation === record.generation;
}

/** A dead container of an older generation is removed; the present one is left to the work under way. */
export function removeOrphan(state: KernelState, event: EventOf<'container-died'>): Reduction {
  if (isPresent(state, event)) return same(state);
  if (event.generation > state.record.generation) {
    const detail = `container ${event.containerId}`;
    return same(state, { type: 'count', invariantViolation: 'newer-generation', detail });
  }
  return same(state, { type: 'remove-orphan', containerId: event.containerId });
}

export function terminateDead(state: StateOf<'running'>, event: EventOf<'container-died'>, now: number): Reduction {
  if (!isPresent(state, event)) return removeOrphan(state, event);
  return endDead(state, event, now);
}

export function noteMissing(state: StateOf<'running'>, event: EventOf<'container-missing'>, now: number): Reduction {
  if (state.record.missingSince !== null || !isPresent(state, event)) return same(state);
  return same({ ...state, record: { ...state.record, missingSince: now } }, { type: 'write', essential: false });
}

export function noteFound(
  state: StateOf<'running'>,
  { containerId, isPaused, before }: EventOf<'container-found'>,
  now: number,
): Reduction {
  if (state.record.containerId !== containerId) return same(state);
  const { missingSince } = state.record;
  const found = missingSince === null ? state.record : { ...state.record, missingSince: null };
  // It may have been paused or resumed since the engine was asked, which says nothing of now.
  const isNews = found.paused === before;
  const { record, effects } = isNews ? withPause(found, isPaused, now) : { record: found, effects: [] };
  if (record === state.record) return same(state);
  return same({ ...state, record }, ...(effects.length > 0 ? effects : [{ type: 'write', essential: false } as const]));
}

export function terminateGone(state: StateOf<'running'>, event: EventOf<'container-gone'>, now: number): Reduction {
  if (!isPresent(state, event)) return same(state);
  const { detail } = event;
  const error = new KerneletError('KERNEL_DIED', detail);
  return cleanUp(state, { reason: 'container-not-found', exitCode: null, detail, error }, { grace: false, now });
}

/** The container that runs is right. */
export function correctPlacement(
  state: StateOf<'running'>,
  { containerId, placement: { cpuset, devices } }: EventOf<'placement-found'>,
): Reduction {
  const { record } = state;
  if (record.containerId !== containerId) return same(state);
  const corrected = { ...record, placement: { ...record.placement, cpuset, devices } };
  return same({ ...state, record: corrected }, { type: 'write', essential: false });
}
