/** Makes the kernel's folders on the host; they outlive its containers and end with the kernel. */
import type { ScratchFolders } from '../../storage/scratch.ts';
import type { CreationStep } from '../step.ts';

/** The step. */
export function scratchStep(scratch: ScratchFolders): CreationStep {
  return {
    name: 'scratch',
    scope: 'kernel',
    deadlineMs: 30_000,
    async apply(record) {
      await scratch.create(record.spec.id, record.spec.user);
      return {};
    },
    revert: (record) => scratch.remove(record.spec.id),
  };
}
