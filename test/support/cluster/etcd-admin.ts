/** What an operator does to etcd, through its JSON door, and what tests look at. */
import type { EtcdClient } from '../../../src/backendai/etcd/etcd-client.ts';
import { prefixEnd } from '../../../src/backendai/etcd/keys.ts';

async function post(address: string, call: string, body: unknown): Promise<Record<string, unknown>> {
  const reply = await fetch(`http://${address}/v3/${call}`, { method: 'POST', body: JSON.stringify(body) });
  const text = await reply.text();
  if (!reply.ok) throw new Error(`${call}: ${reply.status} ${text}`);
  return JSON.parse(text) as Record<string, unknown>;
}

/** Makes the user root with its role, and lets in nobody without a password from then on. */
export async function enableAuthentication(address: string, user: string, password: string): Promise<void> {
  await post(address, 'auth/user/add', { name: user, password });
  await post(address, 'auth/role/add', { name: 'root' });
  await post(address, 'auth/user/grant', { user, role: 'root' });
  await post(address, 'auth/enable', {});
}

export async function compactAll(address: string): Promise<void> {
  const { header } = await post(address, 'kv/range', { key: 'AA==' });
  const revision = (header as { revision?: string } | undefined)?.revision;
  await post(address, 'kv/compaction', { revision, physical: true });
}

/** All pairs of a namespace. */
export async function everything(client: EtcdClient, namespace: string): Promise<Record<string, string>> {
  const key = Buffer.from(`/sorna/${namespace}/`);
  const { ranges } = await client.read([{ key, end: prefixEnd(key) }]);
  const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString();
  return Object.fromEntries((ranges[0] ?? []).map((pair) => [text(pair.key), text(pair.value)]));
}
