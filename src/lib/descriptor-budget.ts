/**
 * File descriptors of this process, of which it may have so many and no more. A process without any can neither write its
 * journal nor start a program; so half of them are the statistics', and a reserve is kept for work that is under way: what is
 * new is refused before the reserve is touched, kernels before connections.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { KerneletError } from './errors.ts';
import { isSystemError } from './system-error.ts';

/** What is known of them. */
export interface DescriptorUse {
  /** How many the process may have. */
  readonly limit: number;
  /** How many are in use at this moment. */
  readonly open: () => number;
}

const statisticsShare = 0.5;
const reserveShare = 1 / 16;
/** For ends of kernels, the journal and programs that are started, many at a time. */
const largestReserve = 512;
const whenUnknown = 512;

/** Who may have how many. */
export class DescriptorBudget {
  readonly #use: DescriptorUse;

  constructor(use: DescriptorUse) {
    this.#use = use;
  }

  /** How many statistics may keep open: connections, runners and uploads need the rest. */
  get forStatistics(): number {
    return Math.floor(this.#use.limit * statisticsShare);
  }

  /** Whether a connection may be taken or made without touching the reserve. */
  get hasRoom(): boolean {
    return this.#left > this.#reserve;
  }

  /** Throws OVERLOADED when a connection would touch the reserve. */
  assertRoom(): void {
    if (!this.hasRoom) throw this.#scarce();
  }

  /** Why no kernel is made, which is so earlier: those that are there must stay reachable, so that some can be removed. null = one may be. */
  get shortage(): KerneletError | null {
    return this.#left <= 2 * this.#reserve ? this.#scarce() : null;
  }

  /** Throws OVERLOADED when a kernel would be too much. */
  assertRoomForKernel(): void {
    const { shortage } = this;
    if (shortage) throw shortage;
  }

  get #left(): number {
    return this.#use.limit - this.#use.open();
  }

  get #reserve(): number {
    return Math.min(largestReserve, Math.floor(this.#use.limit * reserveShare));
  }

  #scarce(): KerneletError {
    const cure = 'raise its limit (LimitNOFILE of its unit), or remove kernels';
    const left = `${Math.max(0, this.#left)} of its ${this.#use.limit} file descriptors`;
    return new KerneletError(
      'OVERLOADED',
      `the daemon has ${left} left, and keeps them for what is under way: ${cure}`,
    );
  }
}

/** The budget of this process, by its limit at this moment. */
export function descriptorsOfProcess(limits = readFileSync('/proc/self/limits', 'utf8')): DescriptorBudget {
  const soft = /^Max open files +(\d+|unlimited)/m.exec(limits)?.[1];
  const limit = soft === 'unlimited' ? Number.POSITIVE_INFINITY : Number(soft ?? whenUnknown);
  return new DescriptorBudget({ limit, open: openDescriptors });
}

/** Descriptors that this process has open; infinite when there is none left to count them with. Throws the system's error. */
export function openDescriptors(): number {
  // Systems since Linux 6.2 say it at once, older ones 0.
  const { size } = statSync('/proc/self/fd');
  if (size > 0) return size;
  try {
    return readdirSync('/proc/self/fd').length;
  } catch (thrown) {
    if (isSystemError(thrown, 'EMFILE')) return Number.POSITIVE_INFINITY;
    throw thrown;
  }
}
