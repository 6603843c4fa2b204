/** Leases devices of the node for the kernel, for its whole life: cores, memory and accelerators. */
import { Decimal, parseDecimal } from '../../lib/decimal.ts';
import type { SlotAmounts } from '../../resources/slot-amounts.ts';
import type { DeviceLeases } from '../leases.ts';
import type { KernelSpec } from '../spec.ts';
import type { CreationStep } from '../step.ts';

/** What a kernel asks for, by slot. */
export function askOf({ limits, accelerators }: KernelSpec): SlotAmounts {
  return new Map([
    ['cpu', new Decimal(limits.cpus)],
    ['mem', new Decimal(limits.memoryBytes)],
    ...accelerators.map(([slot, amount]) => [slot, parseDecimal(amount, `the amount of the slot ${slot}`)] as const),
  ]);
}

/** The step. */
export function allocateStep(leases: DeviceLeases): CreationStep {
  return {
    name: 'allocate',
    scope: 'kernel',
    deadlineMs: 15_000,
    async apply({ spec, placement }, deadline) {
      return { placement: { ...placement, ...(await leases.lease(spec.id, askOf(spec), deadline.signal)) } };
    },
    async revert({ spec }) {
      if (leases.heldBy(spec.id) !== null) leases.release(spec.id);
    },
    async adopt({ spec, placement }) {
      if (leases.heldBy(spec.id) === null) leases.adopt(spec.id, placement.devices);
    },
  };
}
