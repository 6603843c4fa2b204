/**
 * The vocabulary of the pure core: the state of one kernel, the commands and facts that change it, and the effects
 * that the actor is asked for. Nothing here does anything.
 */
import type { KernelEvent } from '../events/kernel-event.ts';
import type { KerneletError } from '../lib/errors.ts';
import type { ContainerId } from '../lib/ids.ts';
import type { LabelledPlacement } from './placement-labels.ts';
import type { KernelPhase, KernelRecord, TerminationReason } from './record.ts';
import type { Environ } from './spec.ts';
import type { RecordChange } from './step.ts';

/** A phase, or `new` before the first command. */
export type Stage = 'new' | KernelPhase;

/**
 * What is under way for the kernel; at most one thing at a time, and only its end lets the next one begin.
 *
 * - `intent`, `commit`, `renewal`: a write to the journal that must succeed before anything else happens
 * - `creation`: steps are being applied; `handover`: the old container is being removed for a restart
 * - `clean-up`: everything is being reverted; `retry`: a revert failed and waits for its next try
 */
export type Work = 'none' | 'intent' | 'creation' | 'commit' | 'renewal' | 'handover' | 'clean-up' | 'retry';

/** Why a kernel is ending. The first reason stays. */
export interface Ending {
  readonly reason: TerminationReason;
  readonly exitCode: number | null;
  readonly detail: string;
  /** What a pending creation or restart is answered with. */
  readonly error: KerneletError;
}

/** The state of one kernel. */
export interface KernelState {
  readonly stage: Stage;
  readonly record: KernelRecord;
  /** What the record was before a restart of this process, until that is written. */
  readonly before: KernelRecord | null;
  readonly work: Work;
  readonly ending: Ending | null;
  /** Whether `kernel-preparing` has been published, so that a terminal event is owed. */
  readonly announced: boolean;
  /** Failed clean-ups so far. */
  readonly failures: number;
}

/** What is found of a kernel’s container. */
export type Finding =
  | { readonly as: 'alive'; readonly containerId: ContainerId }
  | { readonly as: 'dead'; readonly exitCode: number; readonly outOfMemory: boolean; readonly detail: string }
  /** The engine is removing it. */
  | { readonly as: 'removed' }
  /** The engine does not know it. */
  | { readonly as: 'absent' };

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
  /** `endTold`: an earlier process has published the terminal event, and only the record outlived it. */
  | { readonly type: 'recovered'; readonly finding: Finding; readonly endTold: boolean }
  | { readonly type: 'written' }
  | { readonly type: 'write-failed'; readonly error: KerneletError }
  | { readonly type: 'step-applied'; readonly step: string; readonly ms: number; readonly change: RecordChange }
  | { readonly type: 'creation-done' }
  | { readonly type: 'creation-failed'; readonly step: string; readonly error: KerneletError }
  | { readonly type: 'reverted'; readonly failures: readonly string[] }
  | { readonly type: 'retry' }
  | {
      readonly type: 'container-died';
      readonly containerId: ContainerId;
      readonly generation: number;
      readonly exitCode: number;
      readonly outOfMemory: boolean;
      readonly detail: string;
    }
  /** The engine does not list it, which may pass. */
  | { readonly type: 'container-missing'; readonly containerId: ContainerId; readonly generation: number }
  /** The engine lists it, and it runs. */
  | { readonly type: 'container-found'; readonly containerId: ContainerId }
  /** It is known to be gone; `detail` says how, in one sentence. */
  | {
      readonly type: 'container-gone';
      readonly containerId: ContainerId;
      readonly generation: number;
      readonly detail: string;
    }
  /** What the container was made with, where the record says something else. */
  | { readonly type: 'placement-found'; readonly containerId: ContainerId; readonly placement: LabelledPlacement }
  | { readonly type: 'engine-lost' }
  | { readonly type: 'engine-back' };

/** Which steps an effect is about: all of them, or those of one container. */
export type Scope = 'kernel' | 'generation';

/** What callers wait for. */
export type Answer = 'created' | 'restarted' | 'destroyed';

/** What the actor is to do, in order. */
export type Effect =
  /** `essential`: answer with `written` or `write-failed` before the next event; else a failure is only logged. */
  | { readonly type: 'write'; readonly essential: boolean }
  | { readonly type: 'announce'; readonly event: KernelEvent }
  | { readonly type: 'start-creation'; readonly scope: Scope }
  | { readonly type: 'cancel-creation'; readonly error: KerneletError }
  | { readonly type: 'start-revert'; readonly scope: Scope; readonly grace: boolean }
  | { readonly type: 'skip-grace' }
  | { readonly type: 'open-runner' }
  | { readonly type: 'schedule-retry'; readonly delayMs: number }
  | { readonly type: 'remove-stray'; readonly containerId: ContainerId }
  | { readonly type: 'forget' }
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

/** The state of a kernel that nothing has been done for yet. */
export const initialState = (record: KernelRecord): KernelState => ({
  stage: 'new',
  record,
  before: null,
  work: 'none',
  ending: null,
  announced: false,
  failures: 0,
});
