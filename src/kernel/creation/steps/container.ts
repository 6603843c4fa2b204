/**
 * Makes the kernel's container, whose id the kernel can then read in `resource.txt`. Its revert removes it, running or not; what earlier steps hold waits for that.
 */
import type { Deadline } from '../../../lib/deadline.ts';
import type { ContainerId } from '../../../lib/ids.ts';
import type { ScratchFolders } from '../../../storage/scratch.ts';
import type { KernelContainers } from '../../container/kernel-containers.ts';
import { writeResourceFile } from '../../container/resource-files.ts';
import type { KernelRecord } from '../../record.ts';
import type { CreationStep } from '../step.ts';

/** Makes the container, whose id the record learns. */
export async function makeContainer(
  record: KernelRecord,
  containers: KernelContainers,
  scratch: ScratchFolders,
  deadline: Deadline,
): Promise<ContainerId> {
  const containerId = await containers.make(record, deadline);
  await writeResourceFile({ ...record, containerId }, scratch);
  return containerId;
}

/** Its revert guards what the earlier steps hold until the container is gone. */
export function containerStep(containers: KernelContainers, scratch: ScratchFolders): CreationStep {
  return {
    name: 'container',
    scope: 'generation',
    deadlineMs: 60_000,
    guards: true,
    async apply(record, deadline) {
      return { containerId: await makeContainer(record, containers, scratch, deadline) };
    },
    async revert(record, deadline) {
      await containers.remove(record, deadline);
    },
  };
}
