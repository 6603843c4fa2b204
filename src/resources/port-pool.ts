/**
 * The host ports for kernels: an inclusive range, handed out first in, first out. A port that comes back rests before
 * it is handed out again, since late connections to its former kernel may still arrive; a port that something foreign
 * holds is put aside for longer.
 */
import type { Clock } from '../lib/clock.ts';
import { describeDuration } from '../lib/duration.ts';
import { KerneletError } from '../lib/errors.ts';
import type { KernelId } from '../lib/ids.ts';

/** How to make a pool. */
export interface PortPoolOptions {
  readonly first: number;
  readonly last: number;
  readonly clock: Clock;
  /** How long a freed port rests; 60 s when absent. */
  readonly restMs?: number;
  /** How long a port in foreign use is put aside; 5 minutes when absent. */
  readonly quarantineMs?: number;
}

/** A pool of host ports. */
export class PortPool {
  readonly #options: Required<PortPoolOptions>;
  /** Monotonic times from which they may be handed out, in the order in which they came free. */
  readonly #free: Map<number, number>;
  readonly #holders = new Map<number, KernelId>();
  readonly #held = new Map<KernelId, Set<number>>();
  #oddReleases = 0;
  #oddAdoptions = 0;

  constructor(options: PortPoolOptions) {
    this.#options = { restMs: 60_000, quarantineMs: 300_000, ...options };
    const { first, last } = options;
    this.#free = new Map(Array.from({ length: last - first + 1 }, (_, index) => [first + index, -Infinity]));
  }

  /** How often a port was released that the kernel didn't hold, or put aside while leased: should stay 0. */
  get absentReleases(): number {
    return this.#oddReleases;
  }

  /** How often a port was adopted that another kernel holds: should stay 0. */
  get conflictingAdoptions(): number {
    return this.#oddAdoptions;
  }

  /** Ports of the range, and how many ports are held (adopted ones may lie outside of the range). */
  use(): { readonly total: number; readonly used: number } {
    return { total: this.#options.last - this.#options.first + 1, used: this.#holders.size };
  }

  /** The port that has been free for longest. Throws NO_PORT_LEFT. */
  lease(kernel: KernelId): number {
    const now = this.#options.clock.monotonic();
    for (const [port, from] of this.#free) {
      if (from > now) continue;
      this.#hold(kernel, port);
      return port;
    }
    throw this.#exhausted(now);
  }

  /** Takes a port that a kernel of an earlier process holds, be it resting, put aside or outside of the range. */
  adopt(kernel: KernelId, port: number): void {
    const holder = this.#holders.get(port);
    if (holder !== undefined) {
      if (holder !== kernel) this.#oddAdoptions += 1;
      return;
    }
    this.#hold(kernel, port);
  }

  /** The ports that a kernel holds, in ascending order. */
  heldBy(kernel: KernelId): readonly number[] {
    return [...(this.#held.get(kernel) ?? [])].sort((left, right) => left - right);
  }

  /** Frees a port of a kernel; one that it doesn't hold is counted and changes nothing. */
  release(kernel: KernelId, port: number): void {
    if (this.#holders.get(port) !== kernel) {
      this.#oddReleases += 1;
      return;
    }
    this.#holders.delete(port);
    const held = this.#held.get(kernel);
    held?.delete(port);
    if (held?.size === 0) this.#held.delete(kernel);
    if (this.#inRange(port)) this.#rest(port, this.#options.restMs);
  }

  /** Puts a free port aside, because something foreign uses it. */
  quarantine(port: number): void {
    if (this.#holders.has(port)) {
      this.#oddReleases += 1;
      return;
    }
    if (!this.#inRange(port)) return;
    this.#free.delete(port);
    this.#rest(port, this.#options.quarantineMs);
  }

  #hold(kernel: KernelId, port: number): void {
    this.#free.delete(port);
    this.#holders.set(port, kernel);
    const held = this.#held.get(kernel) ?? new Set();
    this.#held.set(kernel, held.add(port));
  }

  #rest(port: number, forMs: number): void {
    this.#free.set(port, this.#options.clock.monotonic() + forMs);
  }

  #inRange(port: number): boolean {
    return port >= this.#options.first && port <= this.#options.last;
  }

  #exhausted(now: number): KerneletError {
    const { first, last } = this.#options;
    const total = last - first + 1;
    const resting = this.#free.size;
    const soonest = Math.min(...this.#free.values()) - now;
    const rest = resting === 0 ? '' : `, ${resting} resting (the next is free in ${describeDuration(soonest)})`;
    return new KerneletError(
      'NO_PORT_LEFT',
      `no host port of ${first}-${last} is free: ${total - resting} of ${total} in use${rest}`,
      { context: { asked: 1, free: 0, total, resting } },
    );
  }
}

/** What the system says, as texts of files in `/proc/sys/net/ipv4`; empty ones when they are missing. */
export interface EphemeralPortRange {
  /** `ip_local_port_range`: from which outgoing connections are given their ports. */
  readonly range: string;
  /** `ip_local_reserved_ports`: which of them are never given, `8080,30000-31000`. */
  readonly reserved: string;
}

/** How a pool lies among them. */
export interface PoolOverlap {
  /** The ports that outgoing connections are given, both ends included. */
  readonly first: number;
  readonly last: number;
  /** What `ip_local_reserved_ports` has to be. */
  readonly reserve: string;
}

/** Where Linux says which ports it gives to outgoing connections, and which it leaves alone. */
export const ephemeralPortFiles = {
  range: '/proc/sys/net/ipv4/ip_local_port_range',
  reserved: '/proc/sys/net/ipv4/ip_local_reserved_ports',
} as const;

/** The overlap of a pool, both ends included, with ports that may be given away; null when there is none. */
export function poolOverlap(
  pool: { readonly first: number; readonly last: number },
  { range, reserved }: EphemeralPortRange,
): PoolOverlap | null {
  const [first = 0, last = 0] = range.trim().split(/\s+/).map(Number);
  const kept = reservedPorts(reserved);
  for (let port = Math.max(pool.first, first); port <= Math.min(pool.last, last); port += 1) {
    if (kept.has(port)) continue;
    const others = reserved.trim() === '' ? '' : `${reserved.trim()},`;
    return { first, last, reserve: `${others}${pool.first}-${pool.last}` };
  }
  return null;
}

function reservedPorts(text: string): ReadonlySet<number> {
  const ports = new Set<number>();
  for (const range of text.trim().split(',')) {
    const [first = Number.NaN, last = first] = range.split('-').map(Number);
    for (let port = first; port <= last; port += 1) ports.add(port);
  }
  return ports;
}
