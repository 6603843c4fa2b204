import { expect, it } from 'vitest';
import { RpcNode } from '../../../../test/support/rpc-node.ts';

it('lends ports of the pool and takes back those on loan alone', async () => {
  await using node = await RpcNode.start();
  const lent = [await node.call('assign_port'), await node.call('assign_port'), await node.call('assign_port')];
  expect(lent).toEqual([30_000, 30_001, 30_002]);
  await expect(node.call('assign_port')).rejects.toThrow('KeyError');
  expect(await node.call('release_port', 30_001)).toBeNull();
  expect(await node.call('release_port', 30_001)).toBeNull();
  expect(await node.call('release_port', 22)).toBeNull();
  expect(node.services.pool.use()).toEqual({ total: 3, used: 2 });
  expect(node.services.pool.absentReleases).toBe(0);
});
