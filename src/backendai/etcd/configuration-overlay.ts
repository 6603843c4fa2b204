/** What the cluster says of this node's configuration. Standalone, nobody says anything. */
import type { NestedTable } from './nested-table.ts';
import type { ScopedStore } from './scoped-store.ts';

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

/** The overlay of a node that is alone: empty for ever. */
export const emptyOverlay: ConfigurationOverlay = {
  read: async (paths) => paths.map(() => ({})),
  get: async () => undefined,
  async *follow(paths, signal) {
    yield paths.map(() => ({}));
    await new Promise<never>((_, reject) => {
      if (signal.aborted) reject(signal.reason);
      else signal.addEventListener('abort', () => reject(signal.reason), { once: true });
    });
  },
};

/** The overlay that a cluster keeps in etcd. */
export function etcdOverlay(store: ScopedStore): ConfigurationOverlay {
  return {
    read: (paths, signal) => store.getTables(paths, undefined, signal),
    get: (key, signal) => store.get(key, undefined, signal),
    follow: (paths, signal) => store.followTables(paths, signal),
  };
}
