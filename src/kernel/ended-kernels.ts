/** The last records of kernels that ended lately, so that they can still be inspected. Bounded in time and number. */
import type { Clock } from '../lib/clock.ts';
import type { KernelId } from '../lib/ids.ts';
import type { KernelRecord } from './record.ts';

const keepMs = 600_000;
const mostKept = 1_000;

/** Ended kernels in order of their end. */
export class EndedKernels {
  readonly #kept = new Map<KernelId, { readonly record: KernelRecord; readonly until: number }>();
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Keeps a record. */
  add(record: KernelRecord): void {
    this.#kept.delete(record.spec.id);
    this.#kept.set(record.spec.id, { record, until: this.#clock.monotonic() + keepMs });
    this.#prune();
  }

  /** The record, if it is still kept. */
  get(id: KernelId): KernelRecord | undefined {
    this.#prune();
    return this.#kept.get(id)?.record;
  }

  /** Drops a record: its id is in use again. */
  forget(id: KernelId): void {
    this.#kept.delete(id);
  }

  ids(): readonly KernelId[] {
    this.#prune();
    return [...this.#kept.keys()];
  }

  records(): readonly KernelRecord[] {
    this.#prune();
    return [...this.#kept.values()].map(({ record }) => record);
  }

  #prune(): void {
    const now = this.#clock.monotonic();
    for (const [id, { until }] of this.#kept) {
      if (until > now && this.#kept.size <= mostKept) return;
      this.#kept.delete(id);
    }
  }
}
