/**
 * Runs a creation plan. Forwards: the line of steps, a group's steps side by side, each timed and bounded; it stops at the
 * first failure or cancellation and undoes nothing itself, since the state machine asks for the one clean-up that every
 * end shares. Backwards: all steps in reverse, whatever had been applied, each bounded and independent of the others'
 * failures, but for a step that guards what earlier steps hold: while a container cannot be removed, its scratch folder is
 * in use and its leases are not free (spec kernel-lifecycle B15, B46).
 */
import type { Clock } from '../../lib/clock.ts';
import { withDeadline } from '../../lib/deadline.ts';
import { type KerneletError, toKerneletError } from '../../lib/errors.ts';
import type { Logger } from '../../lib/log.ts';
import type { KernelRecord } from '../record.ts';
import type { RevertFailure, Scope } from '../state-machine.ts';
import type { CreationPlan, CreationStep, RecordChange } from './step.ts';

/** How long a step that was given up may go on, so that nothing it makes comes after its revert. */
const lateMs = 10_000;

/** How to run a plan. */
export interface CreationRun {
  /** `generation`: only the steps of one container, for a restart. */
  readonly scope: Scope;
  /** Cancels; its reason is what the run fails with. */
  readonly signal: AbortSignal;
  readonly clock: Clock;
  /** Called when a step begins, with how long it may take; disposed of when it has ended. */
  readonly onBegun?: (step: string, timeoutMs: number) => Disposable;
  /** Called for each applied step, in order. */
  readonly onApplied: (step: string, ms: number, change: RecordChange) => void;
}

/** What became of a run. */
export type CreationOutcome =
  | { readonly ok: true }
  | { readonly ok: false; readonly step: string; readonly error: KerneletError };

/** The steps of a plan that belong to a scope, as groups in order. */
export function groupsOf(plan: CreationPlan, scope: Scope): readonly (readonly CreationStep[])[] {
  return plan
    .map((entry) => ('apply' in entry ? [entry] : entry))
    .map((group) => group.filter((step) => scope === 'kernel' || step.scope === 'generation'))
    .filter((group) => group.length > 0);
}

class StepFailure extends Error {
  readonly step: string;
  constructor(step: string, cause: unknown) {
    super(`step ${step} failed`, { cause });
    this.step = step;
  }
}

async function applyStep(
  step: CreationStep,
  record: KernelRecord,
  run: CreationRun,
  signal: AbortSignal,
): Promise<RecordChange> {
  const startedAt = run.clock.monotonic();
  using _begun = run.onBegun?.(step.name, step.deadlineMs);
  let applying: Promise<RecordChange> | undefined;
  try {
    const options = { what: `step ${step.name}`, timeoutMs: step.deadlineMs, signal, clock: run.clock };
    const change = await withDeadline(options, (deadline) => {
      applying = step.apply(record, deadline);
      return applying;
    });
    run.onApplied(step.name, run.clock.monotonic() - startedAt, change);
    return change;
  } catch (error) {
    await settled(applying, run.clock);
    throw new StepFailure(step.name, error);
  }
}

/** Waits, bounded, until the step has ended one way or the other. */
async function settled(applying: Promise<unknown> | undefined, clock: Clock): Promise<void> {
  const options = { what: 'a step that was given up', timeoutMs: lateMs, clock };
  await withDeadline(options, async () => await applying).catch(() => {});
}

/** Runs a group side by side; resolves or rejects only when every step of it has ended. */
async function applyGroup(
  group: readonly CreationStep[],
  record: KernelRecord,
  run: CreationRun,
): Promise<KernelRecord> {
  const controller = new AbortController();
  const signal = AbortSignal.any([run.signal, controller.signal]);
  let first: unknown;
  const changes = await Promise.all(
    group.map((step) =>
      applyStep(step, record, run, signal).catch((error: unknown) => {
        first ??= error;
        controller.abort(error);
        return {};
      }),
    ),
  );
  if (first !== undefined) throw first;
  return Object.assign({}, record, ...changes);
}

/** Applies the plan's steps. Never rejects. */
export async function runCreation(
  plan: CreationPlan,
  record: KernelRecord,
  run: CreationRun,
): Promise<CreationOutcome> {
  let current = record;
  let step = 'start';
  try {
    for (const group of groupsOf(plan, run.scope)) {
      step = group[0]?.name ?? step;
      run.signal.throwIfAborted();
      current = await applyGroup(group, current, run);
    }
    return { ok: true };
  } catch (thrown) {
    const failure = thrown instanceof StepFailure ? thrown : new StepFailure(step, thrown);
    return { ok: false, step: failure.step, error: toKerneletError(failure.cause) };
  }
}

/** How a plan is reverted: what of it, and where failures are logged. */
export interface RevertRun {
  readonly scope: Scope;
  readonly clock: Clock;
  readonly log: Logger;
  /** Told when a step begins to be taken back, and how long that may take; disposed when it has been. */
  readonly onBegun?: CreationRun['onBegun'];
}

/** Reverts; resolves with what failed: empty means that nothing is left. Never rejects. */
export async function revertSteps(
  plan: CreationPlan,
  record: KernelRecord,
  run: RevertRun,
): Promise<readonly RevertFailure[]> {
  const failures: RevertFailure[] = [];
  for (const step of groupsOf(plan, run.scope).flat().reverse()) {
    using _begun = run.onBegun?.(step.name, step.deadlineMs);
    try {
      const options = { what: `undoing step ${step.name}`, timeoutMs: step.deadlineMs, clock: run.clock };
      await withDeadline(options, (deadline) => step.revert(record, deadline));
    } catch (thrown) {
      const error = toKerneletError(thrown);
      failures.push({ step: step.name, code: error.code, message: error.message });
      run.log.warn('a step could not be undone', { kernel: record.spec.id, step: step.name, error });
      if (step.guards === true) break;
    }
  }
  return failures;
}
