/**
 * A step of creation. `apply` brings something into being and returns what the record learns from it; `revert` undoes
 * it from the record alone, so it works after a crash, twice, and without a preceding `apply`, and touches only
 * objects of the record's generation or an older one. Reverting never throws for what is already gone.
 *
 * Scope `generation`: the object belongs to one container (the container itself, the runner's socket) and is reverted
 * by a restart too. Scope `kernel`: a restart hands it on (scratch, host ports, network).
 */
import type { Deadline } from '../../lib/deadline.ts';
import type { KernelRecord } from '../record.ts';

/** What a step may change in the record. */
export type RecordChange = Partial<Pick<KernelRecord, 'placement' | 'containerId' | 'apps'>>;

/** One step of creation, which the plan runs and undoes by its name. */
export interface CreationStep {
  readonly name: string;
  readonly scope: 'generation' | 'kernel';
  /** Bound on each of apply and revert, in milliseconds. */
  readonly deadlineMs: number;
  apply(record: KernelRecord, deadline: Deadline): Promise<RecordChange>;
  revert(record: KernelRecord, deadline: Deadline): Promise<void>;
  /** Takes over what the record says is held, after a start of the daemon: leases, the network's rules. */
  adopt?(record: KernelRecord, deadline: Deadline): Promise<void>;
  /** Its adoption sets limits that only this host keeps: one that failed is tried again, since the kernel runs without. */
  readonly limits?: boolean;
  /** While this step's revert fails, the reverts of earlier steps wait: what they free may still be in use. */
  readonly guards?: boolean;
}

/** The plan of creation: a line of steps, where a group of steps runs side by side. */
export type CreationPlan = readonly (CreationStep | readonly CreationStep[])[];
