/** Everything that the agent has of etcd, made of its settings. */
import { readFile } from 'node:fs/promises';
import type { EtcdSettings } from '../../config/settings.ts';
import { formatHostPort } from '../../config/value-types/address.ts';
import type { Clock } from '../../lib/clock.ts';
import { KerneletError } from '../../lib/errors.ts';
import type { Logger } from '../../lib/log.ts';
import type { EtcdTls } from './endpoint.ts';
import { EtcdClient } from './etcd-client.ts';
import type { NestedTable } from './nested-table.ts';
import { NodeRegistry } from './node-registry.ts';
import { ScopedStore } from './scoped-store.ts';

/** Who the agent is in its cluster, at the start. */
export interface ClusterIdentity {
  readonly agentId: string;
  readonly scalingGroup: string;
}

/** What the agent has of etcd. Disposing it ends every call. */
export interface EtcdAdapter extends Disposable {
  readonly overlay: ConfigurationOverlay;
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
