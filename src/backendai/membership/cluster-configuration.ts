/**
 * What the cluster says of a node's configuration, read when the node joins (spec config-and-ops 5.1), and the limits
 * that it sets for all of its nodes below `config/agent` (cluster-state 1.8).
 */
import type { ClusterOverrides } from '../../config/cluster-overrides.ts';
import type { EtcdSettings } from '../../config/settings.ts';
import { parseByteSize } from '../../lib/byte-size.ts';
import type { Clock } from '../../lib/clock.ts';
import { KerneletError } from '../../lib/errors.ts';
import type { Logger } from '../../lib/log.ts';
import { keepSecretsOf } from '../../lib/redaction.ts';
import { retryForever } from '../../lib/retry.ts';
import { type ConfigurationOverlay, readPem } from '../etcd/etcd-adapter.ts';
import { isNested, type NestedTable } from '../etcd/keys.ts';
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
  keepSecretsOf(redis);
  const authority = await readPem('etcd.ssl-ca-cert', etcd.tls.authorityFile);
  return {
    redis: redisSettings(redis, authority),
    limits: clusterLimits(agent),
    hints: { agentSubnet: valueAt(subnet, 'agent'), containerSubnet: valueAt(subnet, 'container') },
    overrides: { agent, container, plugins },
    registeredIp: valueAt(node, 'ip'),
  };
}

function valueAt(table: NestedTable, name: string): string | undefined {
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

/** What holds on every node of the cluster, with upstream's defaults where etcd says nothing. */
export interface ClusterLimits {
  /** Of the log that the engine keeps of a container; null: none. */
  readonly containerLogBytes: number | null;
  /** Of one chunk of a log that is kept for the manager. */
  readonly containerLogChunkBytes: number;
  /** For pulling an image; null: none. */
  readonly pullTimeoutMs: number | null;
  /** For pushing one; null: none. */
  readonly pushTimeoutMs: number | null;
  /** From the start of a container until its runner is ready; null: the cluster does not say. */
  readonly kernelStartTimeoutMs: number | null;
}

/** Reads the table of `config/agent`. Throws INVALID_CONFIG, naming the key in etcd. */
export function clusterLimits(table: NestedTable): ClusterLimits {
  return {
    containerLogBytes: sizeAt(table, 'container-logs/max-length', 10 * 2 ** 20),
    containerLogChunkBytes: Math.min(sizeAt(table, 'container-logs/chunk-size', 64 * 1024) ?? maxChunk, maxChunk),
    pullTimeoutMs: timeoutAt(table, 'api/pull-timeout', 7200),
    pushTimeoutMs: timeoutAt(table, 'api/push-timeout', null),
    // The two keys beside it are of how often runners are asked: ours say by themselves that they are ready.
    kernelStartTimeoutMs: timeoutAt(table, 'kernel-lifecycles/init-timeout-sec', null),
  };
}

/** A chunk is held in memory as a whole. */
const maxChunk = 16 * 2 ** 20;

function textAt(table: NestedTable, path: string): string | undefined {
  let value: string | NestedTable | undefined = table;
  for (const name of path.split('/')) value = isNested(value) ? value[name] : undefined;
  return typeof value === 'string' ? value.trim() : undefined;
}

/** null stands for no limit. */
function sizeAt(table: NestedTable, path: string, fallback: number): number | null {
  const text = textAt(table, path);
  if (text === undefined) return fallback;
  if (/^inf(inite|inity)?$/i.test(text)) return null;
  try {
    const bytes = parseByteSize(text);
    if (bytes > 0) return bytes;
  } catch {
    // Refused below.
  }
  throw refusal(path, text, 'a size above 0, such as 10M');
}

function timeoutAt(table: NestedTable, path: string, fallbackS: number | null): number | null {
  const text = textAt(table, path);
  if (text !== undefined && /^(none|null|nil)$/i.test(text)) return null;
  const seconds = numberAt(table, path) ?? fallbackS;
  return seconds === null ? null : seconds * 1000;
}

function numberAt(table: NestedTable, path: string): number | undefined {
  const text = textAt(table, path);
  if (text === undefined) return undefined;
  const number = Number(text);
  if (text !== '' && number >= 0 && number < 1e9) return number;
  throw refusal(path, text, 'a number of at least 0');
}

function refusal(path: string, text: string, wanted: string): KerneletError {
  const key = `config/agent/${path}`;
  return new KerneletError('INVALID_CONFIG', `etcd: ${key} = ${JSON.stringify(text.slice(0, 80))} is not ${wanted}`, {
    context: { key, place: 'etcd' },
  });
}
