/**
 * Which kernel has which devices. The maps are always the sum of this ledger (spec resources-and-stats 9.5): a kernel's
 * allocation is entered once and given back once, whoever says so and however often.
 */
import { KerneletError } from '../lib/errors.ts';
import type { KernelId } from '../lib/ids.ts';
import type { Allocator, KernelAllocation } from './allocator.ts';
import { sharesOf } from './device-share.ts';
import type { SlotAmounts } from './slot-amounts.ts';

/** The allocations of all kernels of a node. */
export class DeviceLedger {
  #allocator: Allocator;
  readonly #held = new Map<KernelId, KernelAllocation>();
  #absentReleases = 0;

  /** The allocator's maps must be empty, and nobody else may change them. */
  constructor(allocator: Allocator) {
    this.#allocator = allocator;
  }

  /** How often devices were released that weren't held: should stay 0. */
  get absentReleases(): number {
    return this.#absentReleases;
  }

  /** The leases: what every kernel holds, by device type. */
  get held(): ReadonlyMap<KernelId, KernelAllocation> {
    return this.#held;
  }

  /** Takes what a kernel asks for, all of it or nothing. Throws a resource error; INTERNAL when it holds some already. */
  allocate(kernel: KernelId, slots: SlotAmounts, options: { readonly mayFragment?: boolean } = {}): KernelAllocation {
    this.#checkAbsent(kernel);
    const allocation = this.#allocator.allocate(slots, options);
    this.#held.set(kernel, allocation);
    return allocation;
  }

  /**
   * Enters what a kernel of an earlier process holds, even beyond the capacity: it runs already. Returns the devices
   * that the node hasn't any more. Throws INTERNAL when the kernel holds some already.
   */
  restore(kernel: KernelId, allocation: KernelAllocation): readonly string[] {
    this.#checkAbsent(kernel);
    this.#held.set(kernel, allocation);
    return this.#allocator.apply(allocation);
  }

  /** Gives back what a kernel holds. Returns false, and counts it, when that is nothing. */
  release(kernel: KernelId): boolean {
    const allocation = this.#held.get(kernel);
    if (!allocation) {
      this.#absentReleases += 1;
      return false;
    }
    this.#held.delete(kernel);
    this.#allocator.free(allocation);
    return true;
  }

  /**
   * Puts what a kernel really holds in the place of what was entered. Returns the devices that the node hasn't any more.
   */
  correct(kernel: KernelId, allocation: KernelAllocation): readonly string[] {
    const entered = this.#held.get(kernel);
    if (entered) this.#allocator.free(entered);
    this.#held.set(kernel, allocation);
    return this.#allocator.apply(allocation);
  }

  /** Makes the maps the sum of the ledger anew. Returns the places that had another amount, as `slot device`. */
  rebuild(): readonly string[] {
    const before = placesOf(this.#allocator.allocated());
    this.#allocator.clear();
    for (const allocation of this.#held.values()) this.#allocator.apply(allocation);
    const after = placesOf(this.#allocator.allocated());
    return [...after].filter(([place, amount]) => before.get(place) !== amount).map(([place]) => place);
  }

  /**
   * Goes on with other maps, which must be empty: devices have come or gone. Who holds what stays as it is. Returns what
   * kernels hold that the node hasn't any more, as `slot device`.
   */
  refit(allocator: Allocator): ReadonlyMap<KernelId, readonly string[]> {
    this.#allocator = allocator;
    return new Map([...this.#held].map(([kernel, allocation]) => [kernel, allocator.apply(allocation)]));
  }

  /** What is allocated of every device. */
  allocated(): KernelAllocation {
    return this.#allocator.allocated();
  }

  #checkAbsent(kernel: KernelId): void {
    if (!this.#held.has(kernel)) return;
    throw new KerneletError('INTERNAL', `the kernel ${kernel} holds devices already`);
  }
}

const placesOf = (allocation: KernelAllocation): ReadonlyMap<string, string> =>
  new Map(sharesOf(allocation).map(([slot, device, amount]) => [`${slot} ${device}`, amount]));
