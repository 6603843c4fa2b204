/** Where a node says that it is there (spec cluster-state 1.9). */
import { type Clock, sleep } from '../../lib/clock.ts';
import type { Logger } from '../../lib/log.ts';
import { retryForever } from '../../lib/retry.ts';
import type { ScopedStore } from './scoped-store.ts';

/** How far a node is. Managers of 24.09 read none of them; operators do. */
export type NodeStatus = 'starting' | 'running' | 'stopping' | 'stopped';

/** How the manager reaches the node's watcher, also while the agent is down: never taken back. */
export interface NodeFacts {
  readonly ip: string;
  /** null: there is no watcher. */
  readonly watcherPort: number | null;
}

const managersPath = 'nodes/manager';
const reminderMs = 30_000;

/** The registry of nodes in etcd, for one node. */
export class NodeRegistry {
  readonly #store: ScopedStore;
  readonly #clock: Clock;
  readonly #log: Logger;
  /** What this process has announced. */
  #announced: Readonly<Record<string, string>> = {};

  constructor(options: { readonly store: ScopedStore; readonly clock: Clock; readonly log: Logger }) {
    this.#store = options.store;
    this.#clock = options.clock;
    this.#log = options.log;
  }

  /** Resolves when a manager is or was there. */
  async waitForManager(signal: AbortSignal): Promise<void> {
    const done = new AbortController();
    const waiting = this.#remind(AbortSignal.any([signal, done.signal]));
    try {
      for await (const [managers = {}] of this.#store.followTables([managersPath], signal)) {
        // Entries of managers that died count as well: nothing tells them from others.
        if (Object.keys(managers).length > 0) return;
      }
    } finally {
      done.abort();
      await waiting;
    }
  }

  /** Puts status and facts, with patience. Rejects with the signal's reason only. */
  async announce(status: NodeStatus, facts: NodeFacts | null, signal: AbortSignal): Promise<void> {
    const pairs = {
      ...this.#announced,
      // The key of the status is the node's prefix itself, with the slash at its end.
      '': status,
      ...(facts ? { ip: facts.ip } : {}),
      ...(facts && facts.watcherPort !== null ? { watcher_port: String(facts.watcherPort) } : {}),
    };
    this.#announced = pairs;
    await this.#put(pairs, 'the registration of this node in etcd', signal);
  }

  /** Puts again what was announced whenever it is gone, until the signal aborts; resolves then. */
  async keepRegistered(signal: AbortSignal): Promise<void> {
    try {
      for await (const [keys = {}] of this.#store.followTables([''], signal, ['node'])) {
        const missing = Object.entries(this.#announced).filter(([key]) => keys[key] === undefined);
        if (missing.length === 0) continue;
        this.#log.warn('the registration of this node in etcd is gone; putting it again');
        await this.#put(Object.fromEntries(missing), 'the new registration of this node in etcd', signal);
      }
    } catch (thrown) {
      if (!signal.aborted) throw thrown;
    }
  }

  async #put(pairs: Readonly<Record<string, string>>, what: string, signal: AbortSignal): Promise<void> {
    await retryForever({ what, clock: this.#clock, log: this.#log, signal }, (own) =>
      this.#store.put(pairs, 'node', own),
    );
  }

  async #remind(signal: AbortSignal): Promise<void> {
    try {
      for (;;) {
        await sleep(this.#clock, reminderMs, signal);
        this.#log.info(`no manager has registered below ${managersPath} yet; waiting for one`);
      }
    } catch {
      // The wait is over.
    }
  }
}
