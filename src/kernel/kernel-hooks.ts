/**
 * Moments in a kernel's life at which other parts of the node have something to do. Whoever has registers its hooks; all
 * are called in the order of their registration.
 *
 * ```
 *  create ─▶ … ready ─▶ runnerOpened ─▶ … ─▶ beforeStop ─▶ [container stops] ─▶ beforeRemoval ─▶ … ─▶ ended
 *                            ▲               (on request)                       (last container)
 *                            └── restart, adoption
 * ```
 */
import type { ContainerDetail } from '../engine/engine.ts';
import type { Logger } from '../lib/log.ts';
import type { RunnerClient } from '../runner-client/runner-client.ts';
import type { KernelRecord } from './record.ts';

/** What somebody does at these moments; each is optional. */
export interface KernelHooks {
  /** The kernel has a runner client: it was created, restarted or adopted. */
  readonly runnerOpened?: (record: KernelRecord, client: RunnerClient) => void;
  /** A removal or a restart has been asked for, and the container still has its processes, if it has not ended by itself. */
  readonly beforeStop?: (record: KernelRecord) => void;
  /**
   * The last container of the kernel is about to be removed, running or not; the hook may end it. The removal waits, so it
   * has to end by itself in time. What it throws fails the removal, which is tried again.
   */
  readonly beforeRemoval?: (record: KernelRecord, container: ContainerDetail, signal: AbortSignal) => Promise<void>;
  /** Kernelet has paused it, also before this process came. */
  readonly paused?: (record: KernelRecord) => void;
  /** Nothing of the kernel is left; the record is its last. */
  readonly ended?: (record: KernelRecord) => void;
}

/** The hooks of a node. */
export class KernelHookList {
  readonly #hooks: Set<KernelHooks>;
  readonly #log: Logger;

  constructor(hooks: Iterable<KernelHooks>, log: Logger) {
    this.#hooks = new Set(hooks);
    this.#log = log;
  }

  /** Adds hooks until they are disposed. */
  register(hooks: KernelHooks): Disposable {
    this.#hooks.add(hooks);
    return { [Symbol.dispose]: () => void this.#hooks.delete(hooks) };
  }

  runnerOpened(record: KernelRecord, client: RunnerClient): void {
    this.#each((hooks) => hooks.runnerOpened?.(record, client));
  }

  paused(record: KernelRecord): void {
    this.#each((hooks) => hooks.paused?.(record));
  }

  beforeStop(record: KernelRecord): void {
    this.#each((hooks) => hooks.beforeStop?.(record));
  }

  async beforeRemoval(record: KernelRecord, container: ContainerDetail, signal: AbortSignal): Promise<void> {
    for (const hooks of this.#hooks) await hooks.beforeRemoval?.(record, container, signal);
  }

  ended(record: KernelRecord): void {
    this.#each((hooks) => hooks.ended?.(record));
  }

  /** The failure of one keeps no other from being called. */
  #each(call: (hooks: KernelHooks) => void): void {
    for (const hooks of this.#hooks) {
      try {
        call(hooks);
      } catch (error) {
        this.#log.error('a hook of a kernel failed', { error });
      }
    }
  }
}
