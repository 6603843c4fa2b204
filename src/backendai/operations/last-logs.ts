/**
 * Logs of containers that have ended, kept for the manager before the containers go (spec cluster-state 6,
 * kernel-lifecycle 12.3). The end of a kernel waits for it within a bound: a log that cannot be kept is given up.
 */
import type { ContainerDetail, Engine } from '../../engine/engine.ts';
import { containerIsAlive } from '../../kernel/reconciliation/container-end.ts';
import type { KernelRecord } from '../../kernel/record.ts';
import type { Clock } from '../../lib/clock.ts';
import { withDeadline } from '../../lib/deadline.ts';
import type { ContainerId, KernelId } from '../../lib/ids.ts';
import type { Logger } from '../../lib/log.ts';

/** Where logs come from and go to, and who hears that they are there. */
export interface LastLogsParts {
  readonly engine: Pick<Engine, 'killContainer' | 'waitContainer' | 'containerLogs'>;
  /** Stores a log as a whole, or nothing of it. */
  readonly store: (
    log: AsyncIterable<Uint8Array>,
    options: { readonly containerId: string; readonly chunkBytes: number },
  ) => Promise<number>;
  /** Tells managers that a log is there to be taken. */
  readonly publish: (kernel: KernelId, container: ContainerId) => void;
  /** Bytes of a chunk, as the cluster says now. */
  readonly chunkBytes: () => number;
  readonly clock: Clock;
  readonly log: Logger;
}

/** From the container's end to the end of storing; the first part of it is for reading. */
const maxMs = 10_000;
const readingMs = 6_000;
/** More is cut off at the end; the engine keeps 10 MiB unless the cluster says otherwise. */
const maxBytes = 64 * 2 ** 20;
/** Containers whose logs are remembered as kept: an end that is tried again doesn't give them twice. */
const maxRemembered = 1_000;

/** Keeps the log of each container that ends, before the container is removed. */
export class LastLogs {
  readonly #parts: LastLogsParts;
  readonly #kept = new Set<ContainerId>();

  constructor(parts: LastLogsParts) {
    this.#parts = parts;
  }

  /** Ends the container, if that has not happened yet, and keeps its log. Never throws. */
  async keep({ spec }: KernelRecord, container: ContainerDetail, signal: AbortSignal): Promise<void> {
    const { id } = container;
    // One that never ran has no log.
    if (this.#kept.has(id) || container.state === 'created') return;
    const { clock, log, publish } = this.#parts;
    try {
      const options = { what: 'keeping the log of its container', timeoutMs: maxMs, signal, clock };
      await withDeadline(options, (deadline) => this.#store(container, deadline.signal));
      this.#remember(id);
      publish(spec.id, id);
    } catch (error) {
      log.warn('the log of an ended kernel is lost to managers', { kernel: spec.id, error });
    }
  }

  async #store(container: ContainerDetail, signal: AbortSignal): Promise<void> {
    const { engine, store, chunkBytes } = this.#parts;
    const { id, state } = container;
    if (containerIsAlive(state)) {
      await engine.killContainer(id, 'SIGKILL', signal);
      await engine.waitContainer(id, signal);
    }
    await store(this.#pieces(id, signal), { containerId: id, chunkBytes: chunkBytes() });
  }

  /** What can be read in time, and of a length that can be kept. */
  async *#pieces(id: ContainerId, signal: AbortSignal): AsyncGenerator<Uint8Array, void> {
    const { clock, engine } = this.#parts;
    const until = clock.monotonic() + readingMs;
    let left = maxBytes;
    for await (const { data } of engine.containerLogs(id, { follow: false }, signal)) {
      yield data.subarray(0, left);
      left -= data.length;
      if (left <= 0 || clock.monotonic() >= until) return;
    }
  }

  #remember(id: ContainerId): void {
    this.#kept.add(id);
    const [oldest] = this.#kept;
    if (this.#kept.size > maxRemembered && oldest !== undefined) this.#kept.delete(oldest);
  }
}
