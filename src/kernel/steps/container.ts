/** Makes the kernel's container. Its revert removes it, running or not; what earlier steps hold waits for that. */
import type { KernelContainers } from '../kernel-containers.ts';
import type { CreationStep } from '../step.ts';

/** The step. */
export function containerStep(containers: KernelContainers): CreationStep {
  return {
    name: 'container',
    scope: 'generation',
    deadlineMs: 60_000,
    guards: true,
    async apply(record, deadline) {
      return { containerId: await containers.make(record, deadline) };
    },
    async revert(record, deadline) {
      await containers.remove(record, deadline);
    },
  };
}
