/** Reads the files of keys and certificates that a member's settings name, to see whether they can be used. */
import type { Settings } from '../../config/settings.ts';
import { silentLogger } from '../../lib/log.ts';
import { readTls } from '../etcd/etcd-adapter.ts';
import { keysOf } from './rpc-endpoint.ts';

/** Each reads some of them, and throws INVALID_CONFIG, naming the file, when it cannot be used. */
export const keyFileChecks = ({
  etcd,
  agent,
}: Pick<Settings, 'etcd' | 'agent'>): readonly (() => Promise<unknown>)[] => [
  async () => (etcd?.tls.enabled ? await readTls(etcd.tls) : null),
  async () => await keysOf(agent, silentLogger),
];
