/** What the cluster tells its watchers (spec cluster-state 9): their token, where volumes are mounted, and how long that may take. */
import type { Logger } from '../../lib/log.ts';
import { keepSecret } from '../../lib/redaction.ts';
import type { EtcdAdapter } from '../etcd/etcd-adapter.ts';
import { isNested, type NestedTable } from '../etcd/keys.ts';

export interface ClusterKeys {
  readonly token: string;
  /** The token is the one that everybody knows. */
  readonly isInsecure: boolean;
  /** The folder below which volumes are mounted. */
  readonly mountPrefix: string;
  /** For mounting; null: nobody says. */
  readonly mountTimeoutMs: number | null;
}

/** What managers take for the token when nobody has set one. */
const usualToken = 'insecure';
const usualPrefix = '/mnt';
const paths = ['config/watcher', 'volumes/_mount'];

/** Reads the tables of `paths`. Pure. */
export function clusterKeysOf([watcher = {}, mount = {}]: readonly NestedTable[]): ClusterKeys {
  const text = (table: NestedTable, name: string): string | null => {
    const value = table[name];
    return value === undefined || isNested(value) || value === '' ? null : value;
  };
  const token = text(watcher, 'token') ?? usualToken;
  const seconds = Number(text(watcher, 'file-io-timeout') ?? Number.NaN);
  return {
    token,
    isInsecure: token === usualToken,
    mountPrefix: text(mount, '') ?? usualPrefix,
    mountTimeoutMs: seconds > 0 ? seconds * 1000 : null,
  };
}

/** Waits until they are known, and gives what tells them as they are now. Rejects with the signal's reason. */
export async function openClusterKeys(
  { common }: Pick<EtcdAdapter, 'common'>,
  log: Logger,
  signal: AbortSignal,
): Promise<() => ClusterKeys> {
  const { promise, resolve, reject } = Promise.withResolvers<() => ClusterKeys>();
  const follow = async (): Promise<void> => {
    for await (const tables of common.follow(paths, signal)) {
      const keys = clusterKeysOf(tables);
      if (keys.isInsecure) log.warn('everybody knows the token of this watcher: set config/watcher/token in etcd');
      else keepSecret(keys.token);
      current = keys;
      resolve(() => current);
    }
  };
  let current: ClusterKeys;
  follow().catch(reject);
  return await promise;
}
