/** What a kernel was given, as `resource.txt` and the manager know it (spec resources-and-stats 9.1 and 10). Pure. */
import type { Decimal } from '../lib/decimal.ts';
import type { KernelAllocation } from './allocator.ts';
import type { SlotAmounts } from './slot-amounts.ts';

/** How a mount may be used: read, read and write, or also delete. */
export type MountPermission = 'ro' | 'rw' | 'wd';

/** A mount of a kernel. */
export interface ResourceMount {
  readonly type: 'bind' | 'volume';
  /** A host path or a volume's name; empty for none. */
  readonly source: string;
  readonly target: string;
  readonly permission: MountPermission;
}

/** The resources of a kernel. */
export interface ResourceSpec {
  /** Empty before the container exists. */
  readonly containerId: string;
  /** What was asked for: every slot that the node knows. */
  readonly slots: SlotAmounts;
  readonly allocations: KernelAllocation;
  readonly scratchBytes: Decimal;
  readonly mounts: readonly ResourceMount[];
}
