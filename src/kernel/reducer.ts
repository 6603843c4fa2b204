/**
 * The pure heart: folds one command or fact into a kernel's state and says what is to be done. The table of
 * `transitions.ts` picks the handler; the handlers are here. Time is an argument.
 */
import { KerneletError } from '../lib/errors.ts';
import { cleanedUp, cleanUp, continueCleanUp, tryAgain } from './clean-up.ts';
import type { Effect, Ending, KernelState, LifecycleEvent, Reduction } from './lifecycle.ts';
import type { StepTiming } from './record.ts';
import { recover } from './recovered.ts';
import { type Action, transitions } from './transitions.ts';

type Of<T extends LifecycleEvent['type']> = Extract<LifecycleEvent, { readonly type: T }>;

const of = (state: KernelState) => ({ kernelId: state.record.spec.id, sessionId: state.record.spec.sessionId });

const same = (state: KernelState, ...effects: readonly Effect[]): Reduction => ({ state, effects });

/** Changes nothing and is counted; a caller that waits for a command is told. */
function illegal(state: KernelState, event: LifecycleEvent): Reduction {
  const detail = `${event.type} while ${state.stage} (${state.work})`;
  const count: Effect = { type: 'count', invariantViolation: 'illegal-edge', detail };
  const answer = event.type === 'destroy' ? 'destroyed' : event.type === 'restart' ? 'restarted' : null;
  if (answer === null) return same(state, count);
  const error = new KerneletError('KERNEL_NOT_RUNNING', `kernel ${state.record.spec.id} is not known to run yet`);
  return same(state, count, { type: 'settle', answer, error });
}

const begin = (state: KernelState): Reduction => ({
  state: { ...state, stage: 'creating', record: { ...state.record, phase: 'creating' }, work: 'intent' },
  effects: [{ type: 'write', essential: true }],
});

function written(state: KernelState, event: LifecycleEvent): Reduction {
  switch (state.work) {
    case 'intent':
      return {
        state: { ...state, work: 'creation', announced: true },
        effects: [
          { type: 'announce', event: { type: 'kernel-preparing', ...of(state) } },
          { type: 'announce', event: { type: 'kernel-creating', ...of(state) } },
          { type: 'start-creation', scope: 'kernel' },
        ],
      };
    case 'commit': {
      const restarted = state.record.generation > 1;
      return {
        state: { ...state, work: 'none' },
        effects: [
          { type: 'announce', event: { type: 'kernel-started', restarted, ...of(state) } },
          { type: 'open-runner' },
          { type: 'settle', answer: 'created', error: null },
          { type: 'settle', answer: 'restarted', error: null },
        ],
      };
    }
    case 'renewal':
      return {
        state: { ...state, before: null, work: 'handover' },
        effects: [{ type: 'start-revert', scope: 'generation', grace: true }],
      };
    default:
      return illegal(state, event);
  }
}

function writeFailed(state: KernelState, event: Of<'write-failed'>, now: number): Reduction {
  const { error } = event;
  const ending: Ending = { reason: 'failed-to-create', exitCode: null, detail: error.message, error };
  switch (state.work) {
    case 'intent': {
      const termination = { reason: ending.reason, exitCode: null, detail: ending.detail, at: now };
      return {
        state: {
          ...state,
          stage: 'terminated',
          work: 'none',
          ending,
          record: { ...state.record, phase: 'terminated', termination },
        },
        effects: [{ type: 'forget' }, { type: 'settle', answer: 'created', error }, { type: 'ended' }],
      };
    }
    case 'commit':
      return cleanUp({ ...state, work: 'none' }, ending, { grace: false, now });
    case 'renewal':
      // An earlier process has begun it: the kernel may have no container any more.
      if (state.before === null) {
        return cleanUp({ ...state, work: 'none' }, { ...ending, reason: 'failed-to-start' }, { grace: false, now });
      }
      return {
        state: { ...state, stage: 'running', work: 'none', record: state.before, before: null },
        effects: [
          // A write that was only given up may still be done, and this one comes after it.
          { type: 'write', essential: false },
          { type: 'settle', answer: 'restarted', error },
        ],
      };
    default:
      return illegal(state, event);
  }
}

function learn(state: KernelState, event: Of<'step-applied'>): Reduction {
  if (state.work !== 'creation') return illegal(state, event);
  const timing: StepTiming = { step: event.step, ms: event.ms };
  const record = { ...state.record, ...event.change, timings: [...state.record.timings, timing] };
  return same({ ...state, record });
}

function commit(state: KernelState, event: LifecycleEvent, now: number): Reduction {
  if (state.work !== 'creation') return illegal(state, event);
  return {
    state: { ...state, stage: 'running', work: 'commit', record: { ...state.record, phase: 'running', readyAt: now } },
    effects: [{ type: 'write', essential: true }],
  };
}

function creationFailed(state: KernelState, event: Of<'creation-failed'>, now: number): Reduction {
  if (state.work !== 'creation') return illegal(state, event);
  const { error, step } = event;
  const unready = step === 'ready' || state.stage === 'restarting';
  const exitCode = typeof error.context['exitCode'] === 'number' ? error.context['exitCode'] : null;
  const reason = unready ? 'failed-to-start' : 'failed-to-create';
  const detail = `step ${step} failed: ${error.message}`;
  return cleanUp({ ...state, work: 'none' }, { reason, exitCode, detail, error }, { grace: false, now });
}

function end(state: KernelState, event: Of<'destroy'>, now: number): Reduction {
  const ending: Ending = { reason: event.reason, exitCode: null, detail: event.detail, error: event.error };
  return cleanUp(state, ending, { grace: state.stage === 'running' && !event.force, now });
}

function renew(state: KernelState, { environ }: Of<'restart'>): Reduction {
  const { record } = state;
  const spec = { ...record.spec, environ: [...new Map([...record.spec.environ, ...environ])] };
  return {
    state: {
      ...state,
      stage: 'restarting',
      work: 'renewal',
      before: record,
      // One write covers both containers: a revert touches this generation and older ones.
      record: {
        ...record,
        ...{ spec, phase: 'restarting', generation: record.generation + 1, missingSince: null, timings: [] },
      },
    },
    effects: [{ type: 'write', essential: true }],
  };
}

function refuseRestart(state: KernelState): Reduction {
  const error = new KerneletError('KERNEL_NOT_RUNNING', `kernel ${state.record.spec.id} is ${state.record.phase}`, {
    context: { kernel: state.record.spec.id, phase: state.record.phase },
  });
  return same(state, { type: 'settle', answer: 'restarted', error });
}

function handedOver(state: KernelState, event: Of<'reverted'>, now: number): Reduction {
  if (state.work !== 'handover') return illegal(state, event);
  if (event.failures.length > 0) {
    const detail = `the old container could not be removed: ${event.failures.join('; ')}`;
    const error = new KerneletError('ENGINE_FAILED', detail);
    return cleanUp(
      { ...state, work: 'none' },
      { reason: 'restart-timeout', exitCode: null, detail, error },
      { grace: false, now },
    );
  }
  return {
    state: { ...state, work: 'creation', record: { ...state.record, containerId: null } },
    effects: [{ type: 'start-creation', scope: 'generation' }],
  };
}

/** Whether a container is this kernel's present one, as far as the record knows. */
function isPresent(state: KernelState, event: Of<'container-died' | 'container-missing' | 'container-gone'>): boolean {
  const { record } = state;
  if (record.containerId === event.containerId) return true;
  return record.containerId === null && event.generation === record.generation;
}

function stray(state: KernelState, event: Of<'container-died'>): Reduction {
  if (isPresent(state, event)) return same(state);
  if (event.generation > state.record.generation) {
    return same(state, {
      type: 'count',
      invariantViolation: 'newer-generation',
      detail: `container ${event.containerId}`,
    });
  }
  return same(state, { type: 'remove-stray', containerId: event.containerId });
}

function died(state: KernelState, event: Of<'container-died'>, now: number): Reduction {
  if (!isPresent(state, event)) return stray(state, event);
  const reason = event.outOfMemory ? 'out-of-memory' : 'self-terminated';
  const error = new KerneletError('KERNEL_DIED', event.detail);
  return cleanUp(state, { reason, exitCode: event.exitCode, detail: event.detail, error }, { grace: false, now });
}

/** What is under way will see for itself. */
function missing(state: KernelState, event: Of<'container-missing'>, now: number): Reduction {
  if (state.work !== 'none' || state.record.missingSince !== null || !isPresent(state, event)) return same(state);
  return same({ ...state, record: { ...state.record, missingSince: now } }, { type: 'write', essential: false });
}

function found(state: KernelState, event: Of<'container-found'>): Reduction {
  const { record, work } = state;
  if (work !== 'none' || record.missingSince === null || record.containerId !== event.containerId) return same(state);
  return same({ ...state, record: { ...record, missingSince: null } }, { type: 'write', essential: false });
}

function gone(state: KernelState, event: Of<'container-gone'>, now: number): Reduction {
  if (!isPresent(state, event)) return same(state);
  const { detail } = event;
  const error = new KerneletError('KERNEL_DIED', detail);
  return cleanUp(state, { reason: 'container-not-found', exitCode: null, detail, error }, { grace: false, now });
}

/** The container that runs is right; a write under way, and another container, have a record of their own. */
function correct(state: KernelState, { containerId, placement }: Of<'placement-found'>): Reduction {
  const { record, work } = state;
  if (work !== 'none' || record.containerId !== containerId) return same(state);
  const { cpuset, devices } = placement;
  const mended = { ...record, placement: { ...record.placement, cpuset, devices } };
  return same({ ...state, record: mended }, { type: 'write', essential: false });
}

/** A caller joins the destruction under way; one that waits for its next try is tried now. */
function join(state: KernelState, force: boolean): Reduction {
  if (state.work === 'retry') return tryAgain(state);
  return same(state, ...(force ? ([{ type: 'skip-grace' }] as const) : []));
}

/** Folds one event into the state. Never throws; an illegal edge changes nothing and asks to be counted. */
export function reduce(state: KernelState, event: LifecycleEvent, now: number): Reduction {
  const action: Action = transitions[state.stage][event.type];
  if (action === 'illegal') return illegal(state, event);
  if (action === 'ignore') return same(state);
  switch (event.type) {
    case 'create':
      return begin(state);
    case 'recovered':
      return recover(state, event, now);
    case 'written':
      return written(state, event);
    case 'write-failed':
      return writeFailed(state, event, now);
    case 'step-applied':
      return learn(state, event);
    case 'creation-done':
      return action === 'commit' ? commit(state, event, now) : (continueCleanUp(state) ?? illegal(state, event));
    case 'creation-failed':
      return action === 'creation-failed'
        ? creationFailed(state, event, now)
        : (continueCleanUp(state) ?? illegal(state, event));
    case 'reverted':
      return action === 'handed-over'
        ? handedOver(state, event, now)
        : (cleanedUp(state, event.failures, now) ?? illegal(state, event));
    case 'retry':
    case 'engine-back':
      return tryAgain(state);
    case 'destroy':
      if (action === 'end') return end(state, event, now);
      if (action === 'answer-destroyed') return same(state, { type: 'settle', answer: 'destroyed', error: null });
      return join(state, event.force);
    case 'restart':
      if (action === 'renew') return renew(state, event);
      return action === 'refuse-restart' ? refuseRestart(state) : same(state);
    case 'container-died':
      return action === 'died' ? died(state, event, now) : stray(state, event);
    case 'container-missing':
      return missing(state, event, now);
    case 'container-found':
      return found(state, event);
    case 'container-gone':
      return gone(state, event, now);
    case 'placement-found':
      return correct(state, event);
    case 'engine-lost':
      return same(state);
    default:
      return event satisfies never;
  }
}
