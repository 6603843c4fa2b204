/**
 * How a kernel is paused and resumed, and what is made of it when somebody else has done that. It is no phase: a paused kernel
 * runs, keeps everything that it has, and can be ended and restarted. The engine is asked in place, so nothing else begins
 * meanwhile; when its answer is lost, its next listing decides. Pure: handlers of `transitions.ts`.
 */
import { KerneletError } from '../lib/errors.ts';
import { isSuspended, type KernelPause, type KernelRecord, pauseOf } from './record.ts';
import type { Answer, Effect, EventOf, KernelState, Reduction, StateOf } from './state-machine.ts';

const settle = (answer: Answer, error: KerneletError | null): Effect => ({ type: 'settle', answer, error });

/** What follows from another pause than before. */
function changes(before: KernelRecord, after: KernelRecord): readonly Effect[] {
  const { id: kernelId, sessionId } = after.spec;
  const [was, is] = [pauseOf(before), pauseOf(after)];
  return [
    { type: 'write', essential: false },
    ...(isSuspended(before) === isSuspended(after)
      ? []
      : [{ type: 'suspend-runner', isSuspended: isSuspended(after) } as const]),
    ...(is !== null && was === null
      ? [{ type: 'publish', event: { type: 'kernel-paused', by: is.by, kernelId, sessionId } } as const]
      : []),
    ...(is === null && was !== null
      ? [{ type: 'publish', event: { type: 'kernel-resumed', kernelId, sessionId } } as const]
      : []),
  ];
}

/** The record with the pause that the engine shows. `now`: since when, if that is new. */
export function withPause<Record extends KernelRecord>(
  record: Record,
  isPaused: boolean,
  now: number,
): { readonly record: Record; readonly effects: readonly Effect[] } {
  if (isPaused === (record.paused?.confirmed ?? false) && isPaused === (record.paused !== null))
    return { record, effects: [] };
  const paused: KernelPause | null = isPaused
    ? { ...(record.paused ?? { since: now, by: 'others' }), confirmed: true }
    : null;
  const after = { ...record, paused };
  return { record: after, effects: changes(record, after) };
}

/** One that somebody else has paused becomes ours by that. */
export function requestPause(state: StateOf<'running'>, { by }: EventOf<'pause'>, now: number): Reduction {
  const { record } = state;
  if (isSuspended(record)) return { state, effects: [settle('paused', null)] };
  const paused = { since: record.paused?.since ?? now, by, confirmed: false };
  return {
    state: { ...state, record: { ...record, paused } },
    effects: [
      { type: 'write', essential: false },
      { type: 'set-paused', isPaused: true },
    ],
  };
}

export function requestResume(state: StateOf<'running'>): Reduction {
  if (state.record.paused === null) return { state, effects: [settle('resumed', null)] };
  return { state, effects: [{ type: 'set-paused', isPaused: false }] };
}

/** The engine may have done it though it failed: what it lists next says so. */
export function noteSetPause(
  state: StateOf<'running'>,
  { isPaused, error }: EventOf<'pause-set'>,
  now: number,
): Reduction {
  const answer = settle(isPaused ? 'paused' : 'resumed', error);
  if (error) return { state, effects: [answer] };
  const { record, effects } = withPause(state.record, isPaused, now);
  return { state: { ...state, record }, effects: [...effects, answer] };
}

/** Of a kernel that does not run just now. */
export function refusePause(state: KernelState, { type }: EventOf<'pause' | 'resume'>): Reduction {
  const { spec, phase } = state.record;
  const error = new KerneletError('KERNEL_NOT_RUNNING', `kernel ${spec.id} is ${phase}`, {
    context: { kernel: spec.id, phase },
  });
  return { state, effects: [settle(type === 'pause' ? 'paused' : 'resumed', error)] };
}
