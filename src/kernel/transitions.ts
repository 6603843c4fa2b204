/**
 * The state machine of a kernel: for each state, what is done about each command or fact that can come in it. Whatever a
 * row does not name cannot happen in a correct program: it is an illegal edge, which changes nothing and is counted.
 *
 * ```
 *  new ─create─▶ writing-intent ──▶ creating ──▶ writing-start ──▶ running ◀─────────────┐
 *   │                │                 │            │  ▲           │  │                  │
 *   │                │                 │            │  │           │ restart             │ cannot be
 *   │                │                 │            │  │           │  ▼                  │ written
 *   ├──recovered─────┼─────────────────┼────────────┼──┼───────────┼─▶ writing-restart ──┘
 *   │                │                 │            │  │           │     ▼
 *   │                │                 │            │  │           │  replacing ──────────┐
 *   │                │                 │            │  │           │     ▼                │ destroy
 *   │                │              destroy         │  └───────────┼─ recreating ─┐       ▼
 *   │                │                 ▼            │              │              │  cancelling-replacement
 *   │                │         cancelling-creation ◀┼──────────────┼─── destroy ──┘       │
 *   │                │                 ▼            ▼              ▼                      │
 *   └────────────────┼──────────▶ cleaning-up ◀─ any end of a kernel ◀────────────────────┘
 *                    ▼              │   ▲ ▼
 *                terminated ◀───────┘  awaiting-retry
 * ```
 *
 * A container that ended with its engine takes the way of a restart where the operator has kernels started again. A replacement
 * whose engine is away, or that is to be tried again, waits in `awaiting-replacement` and goes back to `replacing`, or, destroyed,
 * to `cleaning-up`. A kernel that is paused or resumed is `running` all the while.
 */
import { KerneletError } from '../lib/errors.ts';
import { noteSetPause, refusePause, requestPause, requestResume } from './pausing.ts';
import { recover } from './reconciliation/recovered.ts';
import type { Answer, EventType, Handler, KernelState, LifecycleEvent, Reduction, StateName } from './state-machine.ts';
import { answerDestroyed, finishCleanUp, joinDestruction, retryCleanUp, startCleanUp } from './termination.ts';
import {
  begin,
  beginReplacement,
  commitCreation,
  confirmStart,
  correctPlacement,
  destroyCreation,
  destroyReplacement,
  destroyRunning,
  destroyWaiting,
  failCreation,
  failIntent,
  failRecreation,
  failRestartWrite,
  failStartWrite,
  ignore,
  learn,
  noteFound,
  noteMissing,
  recreate,
  refuseRestart,
  removeOrphan,
  requestRestart,
  retryReplacement,
  startCreation,
  terminateDead,
  terminateGone,
} from './transition-handlers.ts';

type Row<Name extends StateName> = { readonly [Type in EventType]?: Handler<Name, Type> };

/** Of a container, while something is under way that will see for itself. */
const lateHints = {
  'container-died': removeOrphan,
  'container-missing': ignore,
  'container-found': ignore,
  'container-gone': ignore,
  'placement-found': ignore,
  'engine-back': ignore,
} as const satisfies Row<Exclude<StateName, 'new'>>;

/** To a kernel that does not run just now. */
const pauseRefused = { pause: refusePause, resume: refusePause } as const satisfies Row<Exclude<StateName, 'new'>>;

/** The table: state × event → handler. */
export const transitions: { readonly [Name in StateName]: Row<Name> } = {
  new: {
    create: begin,
    recovered: recover,
  },
  'writing-intent': {
    written: startCreation,
    'write-failed': failIntent,
  },
  creating: {
    ...lateHints,
    ...pauseRefused,
    'step-applied': learn,
    'creation-done': commitCreation,
    'creation-failed': failCreation,
    destroy: destroyCreation,
    restart: refuseRestart,
  },
  'writing-start': {
    written: confirmStart,
    'write-failed': failStartWrite,
  },
  running: {
    'container-died': terminateDead,
    'container-missing': noteMissing,
    'container-found': noteFound,
    'container-gone': terminateGone,
    'placement-found': correctPlacement,
    'engine-back': ignore,
    destroy: destroyRunning,
    restart: requestRestart,
    pause: requestPause,
    resume: requestResume,
    'pause-set': noteSetPause,
  },
  'writing-restart': {
    written: beginReplacement,
    'write-failed': failRestartWrite,
  },
  replacing: {
    ...lateHints,
    ...pauseRefused,
    reverted: recreate,
    destroy: destroyReplacement,
    // The one under way answers this caller too.
    restart: ignore,
  },
  'awaiting-replacement': {
    ...lateHints,
    ...pauseRefused,
    retry: retryReplacement,
    destroy: destroyWaiting,
    // It is answered by the next try.
    restart: ignore,
  },
  recreating: {
    ...lateHints,
    ...pauseRefused,
    'step-applied': learn,
    'creation-done': commitCreation,
    'creation-failed': failRecreation,
    destroy: destroyCreation,
    restart: ignore,
  },
  'cancelling-creation': {
    ...lateHints,
    ...pauseRefused,
    'step-applied': learn,
    'creation-done': startCleanUp,
    'creation-failed': startCleanUp,
    destroy: joinDestruction,
    restart: refuseRestart,
  },
  'cancelling-replacement': {
    ...lateHints,
    ...pauseRefused,
    reverted: startCleanUp,
    destroy: joinDestruction,
    restart: refuseRestart,
  },
  'cleaning-up': {
    ...lateHints,
    ...pauseRefused,
    reverted: finishCleanUp,
    // Of a timer that a destruction or the engine was faster than.
    retry: ignore,
    destroy: joinDestruction,
    restart: refuseRestart,
  },
  'awaiting-retry': {
    ...lateHints,
    ...pauseRefused,
    retry: retryCleanUp,
    'engine-back': retryCleanUp,
    destroy: retryCleanUp,
    restart: refuseRestart,
  },
  terminated: {
    ...lateHints,
    ...pauseRefused,
    retry: ignore,
    destroy: answerDestroyed,
    restart: refuseRestart,
  },
};

/** Folds one event into the state. Never throws; an illegal edge changes nothing and asks to be counted. */
export function reduce(state: KernelState, event: LifecycleEvent, now: number): Reduction {
  // The type of the table binds each handler to its state and event, which no single signature can say.
  const handler = transitions[state.name][event.type] as Handler<StateName, EventType> | undefined;
  return handler ? handler(state, event, now) : illegal(state, event);
}

const answers: { readonly [Type in EventType]?: Answer } = {
  destroy: 'destroyed',
  restart: 'restarted',
  pause: 'paused',
  resume: 'resumed',
};

/** A caller that waits for a command is answered all the same. */
function illegal(state: KernelState, { type }: LifecycleEvent): Reduction {
  const detail = `${type} while ${state.name}`;
  const answer = answers[type] ?? null;
  const error = new KerneletError('KERNEL_NOT_RUNNING', `kernel ${state.record.spec.id} is not known to run yet`);
  return {
    state,
    effects: [
      { type: 'count', invariantViolation: 'illegal-edge', detail },
      ...(answer === null ? [] : [{ type: 'settle', answer, error } as const]),
    ],
  };
}
