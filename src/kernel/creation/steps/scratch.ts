/**
 * Makes the kernel's folders on the host; they outlive its containers and end with the kernel. They are kept for a while when
 * nobody has asked for its end, unless they are in memory, which is needed for others.
 */
import type { UsersOfContainers } from '../../../storage/container-users.ts';
import type { ScratchFolders } from '../../../storage/scratch.ts';
import { bringBack } from '../../kept-kernels.ts';
import { encodeRecord, type KernelRecord } from '../../record.ts';
import { isToBeKept } from '../../termination.ts';
import type { CreationStep } from '../step.ts';

/** Its revert keeps the folders or takes them away at once, by how the kernel ended. Throws STATE_UNUSABLE. */
export function scratchStep(scratch: ScratchFolders, users: UsersOfContainers): CreationStep {
  const make = async ({ spec }: KernelRecord, signal: AbortSignal): Promise<void> => {
    const who = await users(signal);
    const { id, user, limits, homeInMemory: inMemory } = spec;
    await scratch.create(id, who.onHost(user), { homeBytes: limits.homeBytes, inMemory, root: who.root, signal });
  };
  return {
    name: 'scratch',
    scope: 'kernel',
    deadlineMs: 30_000,
    async apply(record, { signal }) {
      if (record.restoredFrom !== null) await bringBack(scratch, record.spec.id, record.restoredFrom);
      await make(record, signal);
      return {};
    },
    async revert(record) {
      const { spec, unrecordedSince } = record;
      // No kernel could be made again of what is known of one that is unrecorded.
      const note = unrecordedSince === null ? encodeRecord(record) : '';
      await (isToBeKept(record) && !spec.homeInMemory ? scratch.keep(spec.id, note) : scratch.remove(spec.id));
    },
    limits: true,
    async adopt(record, { signal }) {
      const { spec, phase } = record;
      // One that is ending is not used any more.
      if (spec.limits.homeBytes === null || (phase !== 'running' && phase !== 'restarting')) return;
      // What was in memory is empty after a start of the machine.
      if (spec.homeInMemory) await make(record, signal);
      else await scratch.adoptHome(spec.id);
    },
  };
}
