/** Leases devices of the node for the kernel, for its whole life: cores, memory and accelerators. */
import { Decimal, parseDecimal } from '../../../lib/decimal.ts';
import type { SlotAmounts } from '../../../resources/slot-amounts.ts';
import type { ForeignFiles } from '../../../storage/file-systems/file-systems.ts';
import { allowDevicePaths } from '../../../storage/mounts/device-paths.ts';
import type { DeviceLeases } from '../../leases.ts';
import type { KernelSpec } from '../../spec.ts';
import type { CreationStep } from '../step.ts';

/** What a kernel asks for, by slot. */
export function askOf({ limits, accelerators }: KernelSpec): SlotAmounts {
  return new Map([
    ['cpu', new Decimal(limits.cpus)],
    ['mem', new Decimal(limits.memoryBytes)],
    ...accelerators.map(([slot, amount]) => [slot, parseDecimal(amount, `the amount of the slot ${slot}`)] as const),
  ]);
}

/** What the step works with. */
export interface AllocateParts {
  readonly devices: DeviceLeases;
  /** Paths of the host that nothing of which may get into a kernel. */
  readonly refusedPaths: () => Promise<readonly string[]>;
  readonly files: Pick<ForeignFiles, 'find'>;
}

/** The step. Throws what the ledger and the plugins throw, and FORBIDDEN_MOUNT for what no device may bring along. */
export function allocateStep({ devices: leases, refusedPaths, files }: AllocateParts): CreationStep {
  return {
    name: 'allocate',
    scope: 'kernel',
    deadlineMs: 15_000,
    async apply({ spec, placement }, deadline) {
      const leased = await leases.lease(spec.id, askOf(spec), deadline.signal, spec.image);
      const { nodes, hooks, mounts } = leased.provision;
      if (nodes.length + hooks.length + mounts.length === 0) return { placement: { ...placement, ...leased } };
      const allowed = await allowDevicePaths({ nodes, hooks, mounts }, spec.mounts, await refusedPaths(), files);
      return { placement: { ...placement, ...leased, provision: { ...leased.provision, ...allowed } } };
    },
    async revert({ spec }) {
      if (leases.heldBy(spec.id) !== null) leases.release(spec.id);
    },
    async adopt({ spec, placement }) {
      if (leases.heldBy(spec.id) === null) leases.adopt(spec.id, placement.devices);
    },
  };
}
