/**
 * The last records of kernels that ended lately, so that they can still be inspected. Bounded in time, number and size:
 * a record holds what its caller chose.
 */
import type { Clock } from '../lib/clock.ts';
import type { KernelId } from '../lib/ids.ts';
import type { KernelRecord } from './record.ts';

const keepMs = 600_000;
const maxKept = 1_000;
const maxBytes = 8 * 2 ** 20;
/** What a record costs beside its variables, labels and last words, about. */
const overheadBytes = 2_048;

interface Kept {
  readonly record: KernelRecord;
  readonly bytes: number;
  readonly until: number;
}

/** Ended kernels in order of their end. */
export class EndedKernels {
  readonly #kept = new Map<KernelId, Kept>();
  readonly #clock: Clock;
  #bytes = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Keeps the last record of a kernel that has ended, as long and as far as the bounds let it. */
  add(record: KernelRecord): void {
    this.forget(record.spec.id);
    const bytes = sizeOf(record);
    this.#kept.set(record.spec.id, { record, bytes, until: this.#clock.monotonic() + keepMs });
    this.#bytes += bytes;
    this.#prune();
  }

  /** The record, if it is still kept. */
  get(id: KernelId): KernelRecord | undefined {
    this.#prune();
    return this.#kept.get(id)?.record;
  }

  /** Drops a record: its id is in use again. */
  forget(id: KernelId): void {
    this.#bytes -= this.#kept.get(id)?.bytes ?? 0;
    this.#kept.delete(id);
  }

  /** In order of their ends. */
  records(): readonly KernelRecord[] {
    this.#prune();
    return [...this.#kept.values()].map(({ record }) => record);
  }

  #prune(): void {
    const now = this.#clock.monotonic();
    for (const [id, { until }] of this.#kept) {
      if (until > now && this.#kept.size <= maxKept && this.#bytes <= maxBytes) return;
      this.forget(id);
    }
  }
}

function sizeOf({ spec, termination }: KernelRecord): number {
  const chosen = [...spec.environ, ...spec.labels].reduce((sum, [name, value]) => sum + name.length + value.length, 0);
  return overheadBytes + 2 * (chosen + (termination?.detail.length ?? 0));
}
