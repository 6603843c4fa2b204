/**
 * The vocabulary of the pure core: the states of one kernel, the commands and facts that change them, and the effects
 * that the actor is asked for. Nothing here does anything; `transitions.ts` says which event leads where.
 */
import type { KernelEvent } from '../events/kernel-event.ts';
import type { ErrorCode } from '../lib/error-codes.ts';
import type { KerneletError } from '../lib/errors.ts';
import type { ContainerId } from '../lib/ids.ts';
import type { RecordChange } from './creation/step.ts';
import type { LabelledPlacement } from './reconciliation/owned-containers.ts';
import type {
  ContainerEndReason,
  KernelPause,
  KernelPhase,
  KernelRecord,
  Termination,
  TerminationReason,
} from './record.ts';
import type { Environ } from './spec.ts';

/** Why a kernel is being terminated. The first cause stays. */
export interface TerminationCause {
  readonly reason: TerminationReason;
  readonly exitCode: number | null;
  readonly detail: string;
  /** What a pending creation or restart is answered with. */
  readonly error: KerneletError;
}

/** A record of one phase. */
export type RecordIn<Phase extends KernelPhase> = KernelRecord & { readonly phase: Phase };

/** A kernel that has been published. */
interface Live<Phase extends KernelPhase> {
  readonly record: RecordIn<Phase>;
  /** Whether `kernel-terminated` is still to be published. */
  readonly terminationOwed: boolean;
}

/** A kernel that is being terminated. */
interface Terminating {
  readonly record: RecordIn<'terminating'> & { readonly termination: Termination };
  readonly terminationOwed: boolean;
  readonly cause: TerminationCause;
}

interface CleaningUp extends Terminating {
  readonly failedCleanUps: number;
}

/**
 * What is known in each state. At most one thing is under way for a kernel, and only its end lets the next one begin; in
 * a state named `writing-…` it is a write to the journal, and nothing else is taken in before that has been answered.
 */
export interface StateData {
  /** Neither created by this process nor recovered yet. */
  readonly new: { readonly record: KernelRecord };
  readonly 'writing-intent': { readonly record: RecordIn<'creating'> };
  /** All steps are being applied. */
  readonly creating: Live<'creating'> & { readonly terminationOwed: true };
  /** The container is ready, for the first time or after a restart. */
  readonly 'writing-start': Live<'running'>;
  readonly running: Live<'running'>;
  /** `before`: the record before the restart; null when an earlier process has begun it. */
  readonly 'writing-restart': Live<'restarting'> & {
    readonly before: RecordIn<'running'> | null;
    /** Whether the tenant's processes get time to end by themselves. */
    readonly grace: boolean;
  };
  /** The old container is being removed. */
  readonly replacing: Live<'restarting'>;
  /** The container could not be replaced, since its engine is away or for now, and that waits for its next try. */
  readonly 'awaiting-replacement': Live<'restarting'>;
  /** The steps of the new container are being applied. */
  readonly recreating: Live<'restarting'>;
  /** Steps are being applied still, and have been cancelled. */
  readonly 'cancelling-creation': Terminating;
  /** The old container is being removed still. */
  readonly 'cancelling-replacement': Terminating;
  /** All steps are being reverted, in whatever state the kernel was. */
  readonly 'cleaning-up': CleaningUp;
  /** A revert has failed and waits for its next try. */
  readonly 'awaiting-retry': CleaningUp;
  readonly terminated: { readonly record: RecordIn<'terminated'> };
}

export type StateName = keyof StateData;

/** One of the states with these names. */
export type StateOf<Name extends StateName> = { [N in Name]: { readonly name: N } & StateData[N] }[Name];

/** The state of one kernel. */
export type KernelState = StateOf<StateName>;

/** How a container ended, and whether that is its kernel's end. */
export interface ContainerDeath {
  readonly exitCode: number;
  readonly reason: ContainerEndReason;
  /** One sentence, with the last lines of the log where they help. */
  readonly detail: string;
  /** Whether the operator has the kernel started again after such an end. */
  readonly isToRestart: boolean;
}

/** What is observed of a kernel’s container. */
export type ContainerObservation =
  | { readonly type: 'alive'; readonly containerId: ContainerId; readonly isPaused: boolean }
  | ({ readonly type: 'dead' } & ContainerDeath)
  /** The engine is removing it. */
  | { readonly type: 'removed' }
  /** The engine does not know it. */
  | { readonly type: 'absent' };

/** Why one step of a creation could not be undone. */
export interface RevertFailure {
  /** The name of the step in the plan, or `putOffStep`. */
  readonly step: string;
  readonly code: ErrorCode;
  readonly message: string;
}

/** A command from outside or a fact from below. */
export type LifecycleEvent =
  | { readonly type: 'create' }
  | {
      readonly type: 'destroy';
      readonly reason: TerminationReason;
      readonly force: boolean;
      readonly detail: string;
      readonly error: KerneletError;
    }
  /** `environ`: variables of the tenant that are other than before, or new. */
  | { readonly type: 'restart'; readonly environ: Environ }
  | { readonly type: 'pause'; readonly by: 'request' | 'idle' }
  | { readonly type: 'resume' }
  /** What came of `set-paused`. */
  | { readonly type: 'pause-set'; readonly isPaused: boolean; readonly error: KerneletError | null }
  /** `terminationPublished`: an earlier process has published `kernel-terminated`, and only the record outlived it. */
  | {
      readonly type: 'recovered';
      readonly observation: ContainerObservation;
      readonly terminationPublished: boolean;
    }
  | { readonly type: 'written' }
  | { readonly type: 'write-failed'; readonly error: KerneletError }
  | { readonly type: 'step-applied'; readonly step: string; readonly ms: number; readonly change: RecordChange }
  | { readonly type: 'creation-done' }
  | { readonly type: 'creation-failed'; readonly step: string; readonly error: KerneletError }
  | { readonly type: 'reverted'; readonly failures: readonly RevertFailure[] }
  | { readonly type: 'retry' }
  | ({
      readonly type: 'container-died';
      readonly containerId: ContainerId;
      readonly generation: number;
    } & ContainerDeath)
  /** The engine does not list it, which may pass. */
  | { readonly type: 'container-missing'; readonly containerId: ContainerId; readonly generation: number }
  /** The engine lists it, and it runs or is paused. `before`: what the record said of that when the engine was asked. */
  | {
      readonly type: 'container-found';
      readonly containerId: ContainerId;
      readonly isPaused: boolean;
      readonly before: KernelPause | null;
    }
  /** It is known to be gone; `detail` says how, in one sentence. */
  | {
      readonly type: 'container-gone';
      readonly containerId: ContainerId;
      readonly generation: number;
      readonly detail: string;
    }
  /** What the container was made with, where the record says something else. */
  | { readonly type: 'placement-found'; readonly containerId: ContainerId; readonly placement: LabelledPlacement }
  | { readonly type: 'engine-back' };

export type EventType = LifecycleEvent['type'];

/** The event of one type. */
export type EventOf<Type extends EventType> = Extract<LifecycleEvent, { readonly type: Type }>;

/** Which steps an effect is about: all of them, or those of one container. */
export type Scope = 'kernel' | 'generation';

/** What callers wait for; all who wait for one are answered together. */
export type Answer = 'created' | 'restarted' | 'destroyed' | 'paused' | 'resumed';

/** What the actor is to do, in order. */
export type Effect =
  /** `essential`: answer with `written` or `write-failed` before the next event; else a failure is only logged. */
  | { readonly type: 'write'; readonly essential: boolean }
  | { readonly type: 'publish'; readonly event: KernelEvent }
  | { readonly type: 'start-creation'; readonly scope: Scope }
  | { readonly type: 'cancel-creation'; readonly error: KerneletError }
  | { readonly type: 'start-revert'; readonly scope: Scope; readonly grace: boolean }
  | { readonly type: 'skip-grace' }
  | { readonly type: 'open-runner' }
  /** Answer with `pause-set` before the next event. */
  | { readonly type: 'set-paused'; readonly isPaused: boolean }
  /** Whether nothing is expected of the runner for now. */
  | { readonly type: 'suspend-runner'; readonly isSuspended: boolean }
  /** `why`: what has failed, in words. */
  | { readonly type: 'schedule-retry'; readonly delayMs: number; readonly why: string }
  | { readonly type: 'remove-orphan'; readonly containerId: ContainerId }
  | { readonly type: 'remove-record' }
  | { readonly type: 'settle'; readonly answer: Answer; readonly error: KerneletError | null }
  | { readonly type: 'ended' }
  | { readonly type: 'count'; readonly invariantViolation: InvariantViolation; readonly detail: string };

/** Things that should not happen and are counted. */
export type InvariantViolation = 'illegal-edge' | 'newer-generation' | 'failed-clean-up';

/** A state and what follows from having reached it. */
export interface Reduction {
  readonly state: KernelState;
  readonly effects: readonly Effect[];
}

/** What is done about one event in one state: the next state, and what is to be done. Time is an argument. */
export type Handler<Name extends StateName, Type extends EventType> = (
  state: StateOf<Name>,
  event: EventOf<Type>,
  now: number,
) => Reduction;
