/** Fails every step of creation in turn, before and after it has taken effect. */
import { groupsOf, revertSteps } from '../../src/kernel/creation/creation.ts';
import type { CreationPlan, CreationStep } from '../../src/kernel/creation/step.ts';
import type { KernelRecord } from '../../src/kernel/record.ts';
import type { RevertFailure } from '../../src/kernel/state-machine.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { KerneletError } from '../../src/lib/errors.ts';
import { silentLogger } from '../../src/lib/log.ts';

/** The steps of the plan, by name, as the design lists them. */
export const stepNames = [
  'allocate',
  'ports',
  'image',
  'scratch',
  'prewarmed-network',
  'sockets',
  'network',
  'files',
  'config-files',
  'container',
  'start',
  'ready',
  'host-limits',
  'services',
];

/** Where a step fails: before its effect, after it, or by never answering. */
export const failureModes = ['before', 'after', 'hanging'] as const;
/** @see failureModes */
export type FailureMode = (typeof failureModes)[number];

/** The plan with one step failing. `seen` gets the plan as it was. */
export function sabotage(name: string, mode: FailureMode, seen: (plan: CreationPlan) => void) {
  const change = (step: CreationStep): CreationStep => {
    if (step.name !== name) return step;
    return {
      ...step,
      deadlineMs: mode === 'hanging' ? 300 : step.deadlineMs,
      async apply(record, deadline) {
        if (mode === 'hanging') await new Promise((resolve) => deadline.signal.addEventListener('abort', resolve));
        if (mode === 'after') await step.apply(record, deadline);
        throw new KerneletError('ENGINE_FAILED', `planted failure ${mode} ${name}`);
      },
    };
  };
  return (plan: CreationPlan): CreationPlan => {
    seen(plan);
    return plan.map((entry) => ('apply' in entry ? change(entry) : entry.map(change)));
  };
}

/** Reverts all of a record's steps; answers with what failed. */
export async function revertAll(plan: CreationPlan, record: KernelRecord): Promise<readonly RevertFailure[]> {
  return await revertSteps(plan, record, { scope: 'kernel', clock: systemClock, log: silentLogger });
}

/** The names of a plan's steps in order. */
export const namesOf = (plan: CreationPlan): readonly string[] =>
  groupsOf(plan, 'kernel')
    .flat()
    .map(({ name }) => name);
