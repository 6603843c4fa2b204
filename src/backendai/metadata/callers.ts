/**
 * Which kernel a connection comes from. Kernels on prewarmed networks have no address of their own, so it is the container that
 * holds the network which is known by its address: that of the lease, or the kernel's own. An address proves nothing, as who is
 * root in a container may send from any: the connection must be among the sockets of the process that holds that network.
 * The engine is asked once for each network, and never for a request.
 */
import type { ContainerDetail } from '../../engine/engine.ts';
import type { KernelRegistry } from '../../kernel/kernel-registry.ts';
import type { KernelRecord } from '../../kernel/record.ts';
import { isOnHost } from '../../kernel/spec.ts';
import { type Clock, sleep } from '../../lib/clock.ts';
import type { ContainerId } from '../../lib/ids.ts';
import { Semaphore } from '../../lib/semaphore.ts';
import type { Connection } from './network-sockets.ts';

/** What callers are told by. */
export interface CallersParts {
  readonly kernels: Pick<KernelRegistry, 'list'>;
  readonly engine: {
    inspectContainer(
      id: ContainerId,
      signal: AbortSignal,
    ): Promise<Pick<ContainerDetail, 'pid' | 'networkAddress'> | null>;
  };
  readonly clock: Clock;
  /** Looks for connections, for tests. */
  readonly sockets?: NetworkSockets;
}

type NetworkSockets = Pick<typeof import('./network-sockets.ts'), 'findConnection' | 'networkOf'>;

/** The container that holds a network, and the process that keeps it. */
interface Holder {
  readonly id: ContainerId;
  readonly address: string;
  readonly pid: number;
  /** The network of that process: another process of the same number has another. */
  readonly network: number;
}

/** When a container without an address is looked at again, in monotonic milliseconds. */
interface Pending {
  readonly tries: number;
  readonly at: number;
}

/** How many containers are looked at side by side. */
const width = 8;
const firstPauseMs = 100;
const longestPauseMs = 10_000;
/** A container that has just been made has its address soon: its first request waits for that. */
const waitMs = 500;
const lookUpMs = 3_000;
/** From one look that a stranger causes to the next. */
const strangersPauseMs = 1_000;

/** Tells which kernels ask, and remembers where each one's network is. */
export class Callers {
  readonly #parts: CallersParts;
  /** Loaded with the first question: what it needs takes memory. */
  #sockets: NetworkSockets | null;
  readonly #holders = new Map<ContainerId, Holder>();
  readonly #pending = new Map<ContainerId, Pending>();
  #looking: Promise<void> | null = null;
  /** When a stranger had it look last, in monotonic milliseconds. */
  #lookedAt = Number.NEGATIVE_INFINITY;

  constructor(parts: CallersParts) {
    this.#parts = parts;
    this.#sockets = parts.sockets ?? null;
  }

  /** Whether an address is known to be that of a kernel's network; a new kernel's is not yet. */
  knows(address: string): boolean {
    return [...this.#holders.values()].some((holder) => holder.address === address);
  }

  /** Looks whether there are new kernels, once a second at most: their connections are told from those of strangers then. Throws what the engine throws. */
  async learn(): Promise<void> {
    const now = this.#parts.clock.monotonic();
    if (now - this.#lookedAt < strangersPauseMs) return;
    this.#lookedAt = now;
    await this.#learn(await this.#loaded(), this.#living());
  }

  /**
   * The container by whose network a connection comes, and null when it is none of a kernel. Throws what the engine throws, and
   * the signal's reason.
   */
  async holderOf(connection: Connection, signal?: AbortSignal): Promise<ContainerId | null> {
    const sockets = await this.#loaded();
    for (;;) {
      // Whoever asked may be gone, and the search goes on for as long as kernels come.
      signal?.throwIfAborted();
      const living = this.#living();
      for (const holder of this.#holders.values()) {
        if (holder.address !== connection.address || !living.has(holder.id)) continue;
        if (this.#isFrom(sockets, holder, connection)) return holder.id;
      }
      if (!(await this.#learn(sockets, living))) return null;
    }
  }

  /** The kernel that has a network now; null: it has ended. */
  kernelOf(holder: ContainerId): KernelRecord | null {
    return this.#living().get(holder) ?? null;
  }

  async #loaded(): Promise<NetworkSockets> {
    this.#sockets ??= await import('./network-sockets.ts');
    return this.#sockets;
  }

  /** Kernels that have a network of containers, by what holds it. */
  #living(): ReadonlyMap<ContainerId, KernelRecord> {
    const living = new Map<ContainerId, KernelRecord>();
    for (const record of this.#parts.kernels.list()) {
      const { spec, containerId, placement, phase } = record;
      if (spec.network === 'none' || isOnHost(spec.network)) continue;
      if (phase === 'terminating' || phase === 'terminated') continue;
      const holder = placement.prewarmedNetwork?.container ?? containerId;
      if (holder !== null) living.set(holder, record);
    }
    return living;
  }

  #isFrom(sockets: NetworkSockets, holder: Holder, connection: Connection): boolean {
    const finding = sockets.findConnection(folderOf(holder.pid), holder.network, connection);
    if (finding === 'gone') this.#holders.delete(holder.id);
    return finding === 'found';
  }

  /** Whether there was something to learn. */
  async #learn(sockets: NetworkSockets, living: ReadonlyMap<ContainerId, KernelRecord>): Promise<boolean> {
    const { clock } = this.#parts;
    for (const id of this.#holders.keys()) if (!living.has(id)) this.#holders.delete(id);
    for (const id of this.#pending.keys()) if (!living.has(id)) this.#pending.delete(id);
    const unknown = [...living.keys()].filter((id) => !this.#holders.has(id));
    const times = unknown.map((id) => this.#pending.get(id)?.at ?? 0);
    const soonest = Math.max(0, Math.min(...times) - clock.monotonic());
    // Of none the least is infinite.
    if (soonest > waitMs) return false;
    if (soonest > 0) await sleep(clock, soonest);
    this.#looking ??= this.#lookAt(sockets, unknown).finally(() => {
      this.#looking = null;
    });
    await this.#looking;
    return true;
  }

  async #lookAt(sockets: NetworkSockets, ids: readonly ContainerId[]): Promise<void> {
    const { clock } = this.#parts;
    const due = ids.filter((id) => (this.#pending.get(id)?.at ?? 0) <= clock.monotonic());
    const signal = AbortSignal.timeout(lookUpMs);
    const places = new Semaphore(width);
    const looks = due.map((id) => places.run(() => this.#lookAtOne(sockets, id, signal), signal));
    const failed = (await Promise.allSettled(looks)).filter(({ status }) => status === 'rejected');
    // What ails one container is no reason to know nothing of the others.
    if (failed.length > 0 && failed.length === looks.length) await looks[0];
  }

  async #lookAtOne(sockets: NetworkSockets, id: ContainerId, signal: AbortSignal): Promise<void> {
    const { engine, clock } = this.#parts;
    const tries = (this.#pending.get(id)?.tries ?? 0) + 1;
    // Before the engine is asked: what fails is not asked for again and again either.
    this.#pending.set(id, { tries, at: clock.monotonic() + Math.min(longestPauseMs, firstPauseMs * 2 ** (tries - 1)) });
    const detail = await engine.inspectContainer(id, signal);
    if (!detail || detail.pid <= 0 || detail.networkAddress === null) return;
    const network = sockets.networkOf(folderOf(detail.pid));
    if (network === null) return;
    this.#holders.set(id, { id, address: detail.networkAddress, pid: detail.pid, network });
    this.#pending.delete(id);
  }
}

const folderOf = (pid: number): string => `/proc/${pid}`;
