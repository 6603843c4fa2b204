/** Everything that the agent has of etcd, made of its settings; where the node says that it is there (spec cluster-state 1.9) among it. */
import { readFile } from 'node:fs/promises';
import type { EtcdSettings } from '../../config/settings.ts';
import { formatHostPort } from '../../config/value-types/address.ts';
import { type Clock, sleep } from '../../lib/clock.ts';
import { KerneletError } from '../../lib/errors.ts';
import type { Logger } from '../../lib/log.ts';
import { retryForever } from '../../lib/retry.ts';
import type { EtcdTls } from './endpoint.ts';
import { EtcdClient } from './etcd-client.ts';
import { type NestedTable, readOrder } from './keys.ts';
import { ScopedStore } from './scoped-store.ts';

/** Who the agent is in its cluster, at the start. */
export interface ClusterIdentity {
  readonly agentId: string;
  readonly scalingGroup: string;
}

/** What the agent has of etcd. Disposing it ends every call. */
export interface EtcdAdapter extends Disposable {
  readonly overlay: ConfigurationOverlay;
  /** What is set for the whole cluster; values of a node or a scaling group do not count. */
  readonly common: Pick<ConfigurationOverlay, 'follow'>;
  readonly registry: NodeRegistry;
  /** The node belongs to another scaling group from now on. */
  moveTo(scalingGroup: string): void;
}

/** Reads the certificates; nothing is connected before the first call. Throws INVALID_CONFIG, naming the file. */
export async function openEtcd(
  settings: EtcdSettings,
  identity: ClusterIdentity,
  { clock, log }: { readonly clock: Clock; readonly log: Logger },
): Promise<EtcdAdapter> {
  const { namespace, addresses, user, password } = settings;
  const client = new EtcdClient({
    addresses: addresses.map(formatHostPort),
    tls: settings.tls.enabled ? await readTls(settings.tls) : null,
    credentials: user.trim() === '' ? null : { user, password },
    log,
  });
  const store = new ScopedStore(client, { namespace, ...identity }, clock);
  return {
    overlay: etcdOverlay(store),
    common: { follow: (paths, own) => store.followTables(paths, own, readOrder.global) },
    registry: new NodeRegistry({ store, clock, log }),
    moveTo: (scalingGroup) => store.moveTo(scalingGroup),
    [Symbol.dispose]: () => client[Symbol.dispose](),
  };
}

/** The certificates that the settings name. Throws INVALID_CONFIG, naming the key and the file. */
export async function readTls(tls: EtcdSettings['tls']): Promise<EtcdTls> {
  const [authority, certificate, key] = await Promise.all([
    readPem('etcd.ssl-ca-cert', tls.authorityFile),
    readPem('etcd.ssl-cert', tls.certificateFile),
    readPem('etcd.ssl-key', tls.keyFile),
  ]);
  return { authority, certificate, key };
}

/** The text of a file that a key names; null when it names none. Throws INVALID_CONFIG. */
export async function readPem(key: string, path: string | null): Promise<string | null> {
  if (path === null) return null;
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    const text = cause instanceof Error ? cause.message : String(cause);
    throw new KerneletError('INVALID_CONFIG', `${key}: ${path} cannot be read: ${text}`, {
      cause,
      context: { key, path },
    });
  }
}

/** The configuration of the cluster, the node's own keys over its group's over everybody's. */
export interface ConfigurationOverlay {
  /** The tables at these paths, all of one moment. Throws ETCD_UNAVAILABLE, ETCD_REFUSED. */
  read(paths: readonly string[], signal: AbortSignal): Promise<readonly NestedTable[]>;
  /** One value; undefined when nobody has set it. Throws as `read` does. */
  get(key: string, signal: AbortSignal): Promise<string | undefined>;
  /**
   * The tables now and whenever they have changed, over lost connections and restarts of the store, until the signal
   * aborts, whose reason is thrown.
   */
  follow(paths: readonly string[], signal: AbortSignal): AsyncIterable<readonly NestedTable[]>;
}

/** The overlay that a cluster keeps in etcd. */
export function etcdOverlay(store: ScopedStore): ConfigurationOverlay {
  return {
    read: (paths, signal) => store.getTables(paths, undefined, signal),
    get: (key, signal) => store.get(key, undefined, signal),
    follow: (paths, signal) => store.followTables(paths, signal),
  };
}

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
/** From one time that the registration is put again to the next. */
const againPauseMs = 5_000;

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

  /**
   * Puts again what was announced whenever it is gone or says otherwise, as when the last word of an earlier process comes late,
   * until the signal aborts; resolves then.
   */
  async keepRegistered(signal: AbortSignal): Promise<void> {
    try {
      for (;;) {
        const untrue = await this.#untrueRegistration(signal);
        this.#log.warn('the registration of this node in etcd is gone or not so; putting it again');
        await this.#put(untrue, 'the new registration of this node in etcd', signal);
        // Another agent of this name would put its own again, too.
        await sleep(this.#clock, againPauseMs, signal);
      }
    } catch (thrown) {
      if (!signal.aborted) throw thrown;
    }
  }

  /**
   * Waits until etcd says otherwise than was announced, and resolves with what was. It looks anew each time: etcd may lose a second
   * time, before anybody looks, what was put in after the first.
   */
  async #untrueRegistration(signal: AbortSignal): Promise<Readonly<Record<string, string>>> {
    for await (const [keys = {}] of this.#store.followTables([''], signal, ['node'])) {
      const untrue = Object.entries(this.#announced).filter(([key, value]) => keys[key] !== value);
      if (untrue.length > 0) return Object.fromEntries(untrue);
    }
    throw signal.reason;
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
