/** Leases CPU and memory of the node for the kernel, for its whole life. */
import type { SlotLeases } from '../leases.ts';
import type { KernelRecord } from '../record.ts';
import type { CreationStep } from '../step.ts';

const askOf = ({ spec }: KernelRecord) => ({ cpus: spec.limits.cpus, memoryBytes: spec.limits.memoryBytes });

/** The step. */
export function allocateStep(slots: SlotLeases): CreationStep {
  return {
    name: 'allocate',
    scope: 'kernel',
    deadlineMs: 5_000,
    async apply(record) {
      const { cpuset } = slots.lease(record.spec.id, askOf(record));
      return { placement: { ...record.placement, cpuset } };
    },
    async revert(record) {
      if (slots.holds(record.spec.id)) slots.release(record.spec.id);
    },
    async adopt(record) {
      if (!slots.holds(record.spec.id)) {
        slots.adopt(record.spec.id, { ...askOf(record), cpuset: record.placement.cpuset });
      }
    },
  };
}
