/**
 * Reverts a plan's steps: all of them, in reverse, whatever had been applied, each bounded in time and independent of
 * the others' failures. The one exception is a step that guards what earlier steps hold: while a container cannot be
 * removed, its scratch folder is in use and its leases are not free (spec kernel-lifecycle B15, B46).
 */
import type { Clock } from '../lib/clock.ts';
import { withDeadline } from '../lib/deadline.ts';
import { toKerneletError } from '../lib/errors.ts';
import type { Logger } from '../lib/log.ts';
import { groupsOf } from './creation.ts';
import type { Scope } from './lifecycle.ts';
import type { KernelRecord } from './record.ts';
import type { CreationPlan } from './step.ts';

/** How to revert. */
export interface RevertRun {
  readonly scope: Scope;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Reverts; resolves with what failed, one text each: empty means that nothing is left. Never rejects. */
export async function revertSteps(
  plan: CreationPlan,
  record: KernelRecord,
  run: RevertRun,
): Promise<readonly string[]> {
  const failures: string[] = [];
  for (const step of groupsOf(plan, run.scope).flat().reverse()) {
    try {
      const options = { what: `undoing step ${step.name}`, timeoutMs: step.deadlineMs, clock: run.clock };
      await withDeadline(options, (deadline) => step.revert(record, deadline));
    } catch (thrown) {
      const error = toKerneletError(thrown);
      failures.push(`${step.name}: ${error.message}`);
      run.log.warn('a step could not be undone', { kernel: record.spec.id, step: step.name, error });
      if (step.guards === true) break;
    }
  }
  return failures;
}
