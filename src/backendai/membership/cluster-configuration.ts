/** What the cluster says of a node's configuration, read when the node joins (spec config-and-ops 5.1). */
import type { ClusterOverrides } from '../../config/cluster-overrides.ts';
import type { EtcdSettings } from '../../config/settings.ts';
import type { Clock } from '../../lib/clock.ts';
import type { Logger } from '../../lib/log.ts';
import { retryForever } from '../../lib/retry.ts';
import { type ClusterLimits, clusterLimits } from '../etcd/cluster-limits.ts';
import type { ConfigurationOverlay } from '../etcd/etcd-adapter.ts';
import { readPem } from '../etcd/etcd-adapter.ts';
import { isNested, type NestedTable } from '../etcd/nested-table.ts';
import type { AddressHints } from '../identity/node-addresses.ts';
import { type RedisSettings, redisSettings } from '../redis/settings.ts';

/** What etcd says to a node that joins. */
export interface ClusterConfiguration {
  readonly redis: RedisSettings;
  readonly limits: ClusterLimits;
  readonly hints: AddressHints;
  readonly overrides: ClusterOverrides;
  /** Under which address the node has registered before. */
  readonly registeredIp: string | undefined;
}

/** Where it stands in etcd; what nodes register is not among it. */
export const configurationPaths = [
  'config/redis',
  'config/agent',
  'config/container',
  'config/network/subnet',
  'config/plugins/accelerator',
] as const;

/** Reads it, with patience. Throws INVALID_CONFIG, naming the key in etcd, and the signal's reason. */
export async function readClusterConfiguration(
  overlay: ConfigurationOverlay,
  etcd: EtcdSettings,
  agentId: string,
  { clock, log, signal }: { readonly clock: Clock; readonly log: Logger; readonly signal: AbortSignal },
): Promise<ClusterConfiguration> {
  const what = "reading the cluster's configuration from etcd";
  const tables = await retryForever({ what, clock, log, signal }, (own) =>
    overlay.read([...configurationPaths, `nodes/agents/${agentId}`], own),
  );
  const [redis = {}, agent = {}, container = {}, subnet = {}, plugins = {}, node = {}] = tables;
  const authority = await readPem('etcd.ssl-ca-cert', etcd.tls.authorityFile);
  return {
    redis: redisSettings(redis, authority),
    limits: clusterLimits(agent),
    hints: { agentSubnet: textAt(subnet, 'agent'), containerSubnet: textAt(subnet, 'container') },
    overrides: { agent, container, plugins },
    registeredIp: textAt(node, 'ip'),
  };
}

function textAt(table: NestedTable, name: string): string | undefined {
  const value = table[name];
  return isNested(value) ? undefined : value;
}

/** Follows it until the signal aborts. What changed is not logged: passwords are among it. */
export async function watchConfiguration(
  overlay: Pick<ConfigurationOverlay, 'follow'>,
  log: Logger,
  signal: AbortSignal,
): Promise<void> {
  let known: readonly string[] | null = null;
  try {
    for await (const tables of overlay.follow(configurationPaths, signal)) {
      const now = tables.map((table) => JSON.stringify(table));
      const changed = configurationPaths.filter((_, index) => known !== null && known[index] !== now[index]);
      if (changed.length > 0) {
        log.warn("the cluster's configuration has changed; it counts from the next start of this daemon", { changed });
      }
      known = now;
    }
  } catch (thrown) {
    if (!signal.aborted) throw thrown;
  }
}
