/** Which kernels have had no run and no connection for longer than they may. Pure. */
import type { KernelId } from '../lib/ids.ts';

interface Idleness {
  readonly timeoutMs: number;
  /** Runs that are queued, running or waiting. */
  busy: Set<string>;
  /** Open connections to its ports. */
  connections: number;
  idleSince: number;
}

/** The idleness of kernels that have an idle timeout. Times are monotonic milliseconds. */
export class IdleKernels {
  readonly #kernels = new Map<KernelId, Idleness>();

  /** Watches a kernel from now on; a kernel that is watched already keeps its idle time. */
  watch(id: KernelId, timeoutMs: number, now: number): void {
    if (!this.#kernels.has(id)) this.#kernels.set(id, { timeoutMs, busy: new Set(), connections: 0, idleSince: now });
  }

  /** Of one that has ended nothing is kept. */
  forget(id: KernelId): void {
    this.#kernels.delete(id);
  }

  /** These are all the runs of a kernel that are active: said after each connection to its runner. */
  activeRuns(id: KernelId, runs: Iterable<string>, now: number): void {
    const kernel = this.#kernels.get(id);
    if (!kernel) return;
    kernel.busy = new Set(runs);
    kernel.idleSince = now;
  }

  /** A run began, or ended. */
  runChanged(id: KernelId, run: string, active: boolean, now: number): void {
    const kernel = this.#kernels.get(id);
    if (!kernel) return;
    if (active) kernel.busy.add(run);
    else kernel.busy.delete(run);
    kernel.idleSince = now;
  }

  /** Any other use of a kernel: a file, a completion. */
  used(id: KernelId, now: number): void {
    const kernel = this.#kernels.get(id);
    if (kernel) kernel.idleSince = now;
  }

  /** So many more connections to its ports are open. */
  connected(id: KernelId, more: 1 | -1, now: number): void {
    const kernel = this.#kernels.get(id);
    if (!kernel) return;
    kernel.connections = Math.max(0, kernel.connections + more);
    kernel.idleSince = now;
  }

  /** The kernels that have been idle for their whole timeout. */
  due(now: number): KernelId[] {
    return [...this.#kernels].flatMap(([id, { busy, connections, idleSince, timeoutMs }]) =>
      busy.size === 0 && connections === 0 && now - idleSince >= timeoutMs ? [id] : [],
    );
  }
}
