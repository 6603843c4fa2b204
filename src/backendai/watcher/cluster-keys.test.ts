import { expect, it } from 'vitest';
import { silentLogger } from '../../lib/log.ts';
import { redactText } from '../../lib/redaction.ts';
import type { NestedTable } from '../etcd/keys.ts';
import { clusterKeysOf, openClusterKeys } from './cluster-keys.ts';

const usual = { token: 'insecure', isInsecure: true, mountPrefix: '/mnt', mountTimeoutMs: null };

it.each<readonly [readonly NestedTable[], object]>([
  [[{}, {}], usual],
  [[{ token: '', 'file-io-timeout': 'soon' }, { '': '' }], usual],
  [[{ token: { a: 'b' } }, { a: 'b' }], usual],
  [
    [{ token: 'sesame', 'file-io-timeout': '2.5' }, { '': '/vfroot' }],
    { token: 'sesame', isInsecure: false, mountPrefix: '/vfroot', mountTimeoutMs: 2500 },
  ],
])('reads %j', (tables, keys) => {
  expect(clusterKeysOf(tables)).toEqual(keys);
});

it('has them as they are now, warns of the token that everybody knows, and lets no other be logged', async () => {
  const gate = Promise.withResolvers<void>();
  const warned: string[] = [];
  const log = { ...silentLogger, warn: (text: string) => void warned.push(text) };
  const follow = async function* (): AsyncGenerator<readonly NestedTable[]> {
    yield [{}, {}];
    await gate.promise;
    yield [{ token: 'a-new-token' }, {}];
  };
  const keys = await openClusterKeys({ common: { follow } }, log, new AbortController().signal);
  expect([keys().token, warned.length]).toEqual(['insecure', 1]);
  gate.resolve();
  await expect.poll(() => keys().token).toBe('a-new-token');
  expect([redactText('a-new-token!'), warned.length]).toEqual(['[redacted]!', 1]);
});
