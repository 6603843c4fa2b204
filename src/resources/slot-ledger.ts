/** CPU and memory of the node. CPUs are counted in hundredths, so that fractions add up exactly. */
import { describeByteSize } from '../lib/byte-size.ts';
import type { KernelId } from '../lib/ids.ts';
import { Ledger } from './ledger.ts';

/** CPUs, with fractions to hundredths, and bytes of memory. */
export interface SlotAmounts {
  readonly cpus: number;
  readonly memoryBytes: number;
}

/** What is on offer and what is taken. */
export interface SlotUse {
  readonly cpus: { readonly total: number; readonly used: number };
  readonly memoryBytes: { readonly total: number; readonly used: number };
}

const slots = 'slots';
const toHundredths = (cpus: number): number => Math.round(cpus * 100);
const compile = ({ cpus, memoryBytes }: SlotAmounts) => ({ cpus: toHundredths(cpus), memoryBytes });

/** The ledger of slots: one lease for each kernel. Kernels are not pinned to CPUs. */
export class SlotLedger {
  readonly #ledger: Ledger<'cpus' | 'memoryBytes'>;

  constructor(capacity: SlotAmounts) {
    this.#ledger = new Ledger(compile(capacity), {
      cpus: { name: 'CPUs', format: (amount) => String(amount / 100) },
      memoryBytes: { name: 'memory', format: describeByteSize },
    });
  }

  /** How often slots were released that weren't held: should stay 0. */
  get absentReleases(): number {
    return this.#ledger.absentReleases;
  }

  use(): SlotUse {
    const ledger = this.#ledger;
    return {
      cpus: { total: ledger.total('cpus') / 100, used: ledger.used('cpus') / 100 },
      memoryBytes: { total: ledger.total('memoryBytes'), used: ledger.used('memoryBytes') },
    };
  }

  /** Takes what a kernel asks for, all of it or nothing. Throws INSUFFICIENT_RESOURCES. */
  lease(kernel: KernelId, ask: SlotAmounts): { readonly cpuset: string | null } {
    this.#ledger.acquire(kernel, slots, compile(ask));
    return { cpuset: null };
  }

  /** Takes what a kernel of an earlier process holds, even beyond what is free. */
  adopt(kernel: KernelId, held: SlotAmounts): void {
    this.#ledger.restore(kernel, slots, compile(held));
  }

  holds(kernel: KernelId): boolean {
    return this.#ledger.holds(kernel, slots);
  }

  /** Frees a kernel's slots; absent ones are counted and change nothing. */
  release(kernel: KernelId): void {
    this.#ledger.release(kernel, slots);
  }
}
