/**
 * Makes the kernel's folders on the host; they outlive its containers and end with the kernel. They are kept for a while when
 * nobody has asked for its end, unless they are in memory, which is needed for others.
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
      const { id, user, limits, homeInMemory: inMemory } = record.spec;
      await scratch.create(id, who.onHost(user), { homeBytes: limits.homeBytes, inMemory, root: who.root, signal });
      return {};
    },
    async revert(record) {
      const { spec, unrecordedSince } = record;
      // No kernel could be made again of what is known of one that is unrecorded.
      const note = unrecordedSince === null ? encodeRecord(record) : '';
      await (isToBeKept(record) && !spec.homeInMemory ? scratch.keep(spec.id, note) : scratch.remove(spec.id));
    },
    limits: true,
    async adopt({ spec, phase }, { signal }) {
      const { homeBytes: bytes } = spec.limits;
      // One that is ending is not used any more.
      if (bytes === null || (phase !== 'running' && phase !== 'restarting')) return;
      const inMemory = spec.homeInMemory ? { bytes, owner: (await users(signal)).onHost(spec.user) } : null;
      await scratch.adoptHome(spec.id, inMemory);
    },
  };
}
