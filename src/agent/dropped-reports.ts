/**
 * What kernels report without having been asked, beyond what they may: it is dropped, and this counts it for each kernel and
 * for the node, and says so in the log, once in a while for each kernel whatever that sends.
 */
import type { Clock } from '../lib/clock.ts';
import type { KernelId } from '../lib/ids.ts';
import type { Logger } from '../lib/log.ts';

const tellEveryMs = 60_000;

/** The counts, from the start of the daemon. */
export class DroppedReports {
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #kernels = new Map<KernelId, { dropped: number; toldAt: number }>();
  #total = 0;

  constructor(clock: Clock, log: Logger) {
    this.#clock = clock;
    this.#log = log;
  }

  /** Those of all kernels, the ended ones included. */
  get total(): number {
    return this.#total;
  }

  /** Those of a kernel that has not ended. */
  of(kernel: KernelId): number {
    return this.#kernels.get(kernel)?.dropped ?? 0;
  }

  /** So many more of a kernel's are dropped. */
  count(kernel: KernelId, more: number): void {
    if (more === 0) return;
    const now = this.#clock.monotonic();
    const known = this.#kernels.get(kernel) ?? { dropped: 0, toldAt: Number.NEGATIVE_INFINITY };
    const dropped = known.dropped + more;
    const isTold = now - known.toldAt >= tellEveryMs;
    this.#total += more;
    this.#kernels.set(kernel, { dropped, toldAt: isTold ? now : known.toldAt });
    if (!isTold) return;
    const text = 'a kernel reports what nobody asked it for, as its own runner never does; it is dropped';
    this.#log.warn(text, { kernel, dropped });
  }

  /** Of a kernel that has ended nothing is kept. */
  forget(kernel: KernelId): void {
    this.#kernels.delete(kernel);
  }
}
