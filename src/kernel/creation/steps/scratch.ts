/**
 * Makes the kernel's folders on the host; they outlive its containers and end with the kernel. They are kept for a while when
 * nobody has asked for its end.
 */
import type { UsersOfContainers } from '../../../storage/container-users.ts';
import type { ScratchFolders } from '../../../storage/scratch.ts';
import { bringBack } from '../../kept-kernels.ts';
import { encodeRecord } from '../../record.ts';
import { isToBeKept } from '../../termination.ts';
import type { CreationStep } from '../step.ts';

/** Its revert keeps the folders or takes them away at once, by how the kernel ended. Throws STATE_UNUSABLE. */
export function scratchStep(scratch: ScratchFolders, users: UsersOfContainers): CreationStep {
  return {
    name: 'scratch',
    scope: 'kernel',
    deadlineMs: 30_000,
    async apply(record, { signal }) {
      const who = await users(signal);
      if (record.restoredFrom !== null) await bringBack(scratch, record.spec.id, record.restoredFrom);
      const { id, user, limits } = record.spec;
      await scratch.create(id, who.onHost(user), { homeBytes: limits.homeBytes, root: who.root, signal });
      return {};
    },
    async revert(record) {
      const { spec, unrecordedSince } = record;
      // No kernel could be made again of what is known of one that is unrecorded.
      const note = unrecordedSince === null ? encodeRecord(record) : '';
      await (isToBeKept(record) ? scratch.keep(spec.id, note) : scratch.remove(spec.id));
    },
    limits: true,
    async adopt({ spec, phase }) {
      // One that is ending is not used any more.
      if (spec.limits.homeBytes !== null && (phase === 'running' || phase === 'restarting'))
        await scratch.adoptHome(spec.id);
    },
  };
}
