/**
 * Makes the kernel's folders on the host; they outlive its containers and end with the kernel. They are kept for a while when
 * nobody has asked for its end.
 */
import type { ScratchFolders } from '../../storage/scratch.ts';
import { bringBack } from '../kept-kernels.ts';
import { encodeRecord, type KernelRecord } from '../record.ts';
import type { CreationStep } from '../step.ts';

/** Reasons that are nobody's wish: what happens to a container, and what goes wrong in a restart. */
const unasked: ReadonlySet<string> = new Set([
  ...[
    'self-terminated',
    'out-of-memory',
    'container-not-found',
    'failed-to-start',
    'failed-to-create',
    'restart-timeout',
  ],
]);

/** Whether there may be something in its home that somebody misses. Pure. */
export function isToBeKept({ readyAt, restoredFrom, termination }: KernelRecord): boolean {
  // What is brought back is not lost by a creation that fails, or that somebody gives up.
  if (readyAt === null) return restoredFrom !== null;
  return termination !== null && unasked.has(termination.reason);
}

/** The step. */
export function scratchStep(scratch: ScratchFolders): CreationStep {
  return {
    name: 'scratch',
    scope: 'kernel',
    deadlineMs: 30_000,
    async apply(record) {
      if (record.restoredFrom !== null) await bringBack(scratch, record.spec.id, record.restoredFrom);
      await scratch.create(record.spec.id, record.spec.user);
      return {};
    },
    revert: (record) =>
      isToBeKept(record) ? scratch.keep(record.spec.id, encodeRecord(record)) : scratch.remove(record.spec.id),
  };
}
