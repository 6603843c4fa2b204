/**
 * Who holds how much of what. A lease is keyed by its kernel and its own id, and freed once: releasing one that isn't
 * there changes no sum and is counted. Amounts are whole numbers (hundredths of a CPU, bytes), so sums are exact.
 */
import { KerneletError } from '../lib/errors.ts';
import type { KernelId } from '../lib/ids.ts';

/** Amounts by resource. */
export type Amounts<Resource extends string> = Readonly<Record<Resource, number>>;

/** A lease as it stands in the ledger. */
export interface Lease<Resource extends string> {
  readonly kernel: KernelId;
  readonly lease: string;
  readonly amounts: Amounts<Resource>;
}

/** How a resource is named and its amounts are written in error texts. */
export interface ResourceText {
  readonly name: string;
  readonly format: (amount: number) => string;
}

/** A ledger over a fixed set of resources. */
export class Ledger<Resource extends string> {
  readonly #totals: Amounts<Resource>;
  readonly #texts: Readonly<Record<Resource, ResourceText>>;
  readonly #resources: readonly Resource[];
  readonly #leases = new Map<KernelId, Map<string, Amounts<Resource>>>();
  #absentReleases = 0;

  constructor(totals: Amounts<Resource>, texts: Readonly<Record<Resource, ResourceText>>) {
    this.#totals = totals;
    this.#texts = texts;
    this.#resources = Object.keys(totals) as Resource[];
    for (const resource of this.#resources) this.#checkAmount(resource, totals[resource]);
  }

  /** How often a lease was released that wasn't there: should stay 0. */
  get absentReleases(): number {
    return this.#absentReleases;
  }

  total(resource: Resource): number {
    return this.#totals[resource];
  }

  /** What all leases hold; more than the total when restored leases exceed it. */
  used(resource: Resource): number {
    let sum = 0;
    for (const leases of this.#leases.values()) for (const amounts of leases.values()) sum += amounts[resource];
    return sum;
  }

  /** What can still be taken, never below 0. */
  free(resource: Resource): number {
    return Math.max(0, this.#totals[resource] - this.used(resource));
  }

  holds(kernel: KernelId, lease: string): boolean {
    return this.#leases.get(kernel)?.has(lease) ?? false;
  }

  /** Every lease. */
  leases(): readonly Lease<Resource>[] {
    return [...this.#leases].flatMap(([kernel, leases]) =>
      [...leases].map(([lease, amounts]) => ({ kernel, lease, amounts })),
    );
  }

  /**
   * Takes all of the amounts or nothing. Throws INSUFFICIENT_RESOURCES naming the resource, what is asked, free and in
   * total; INTERNAL when the lease is held already.
   */
  acquire(kernel: KernelId, lease: string, amounts: Amounts<Resource>): void {
    for (const resource of this.#resources) {
      this.#checkAmount(resource, amounts[resource]);
      const [asked, free, total] = [amounts[resource], this.free(resource), this.#totals[resource]];
      if (asked <= free) continue;
      const { name, format } = this.#texts[resource];
      throw new KerneletError(
        'INSUFFICIENT_RESOURCES',
        `not enough ${name}: ${format(asked)} asked for, ${format(free)} of ${format(total)} free`,
        { context: { resource, asked, free, total } },
      );
    }
    this.#put(kernel, lease, amounts);
  }

  /** Enters a lease of an earlier process, even beyond what is free: its kernel runs already. */
  restore(kernel: KernelId, lease: string, amounts: Amounts<Resource>): void {
    for (const resource of this.#resources) this.#checkAmount(resource, amounts[resource]);
    this.#put(kernel, lease, amounts);
  }

  /** Frees a lease. Returns false, and counts it, when there is none. */
  release(kernel: KernelId, lease: string): boolean {
    const leases = this.#leases.get(kernel);
    if (!leases?.delete(lease)) {
      this.#absentReleases += 1;
      return false;
    }
    if (leases.size === 0) this.#leases.delete(kernel);
    return true;
  }

  #put(kernel: KernelId, lease: string, amounts: Amounts<Resource>): void {
    const leases = this.#leases.get(kernel) ?? new Map<string, Amounts<Resource>>();
    if (leases.has(lease)) {
      throw new KerneletError('INTERNAL', `the kernel ${kernel} holds the lease ${lease} already`);
    }
    leases.set(lease, { ...amounts });
    this.#leases.set(kernel, leases);
  }

  #checkAmount(resource: Resource, amount: number): void {
    if (Number.isSafeInteger(amount) && amount >= 0) return;
    throw new KerneletError('INTERNAL', `an amount of ${resource} must be a whole number of at least 0, not ${amount}`);
  }
}
