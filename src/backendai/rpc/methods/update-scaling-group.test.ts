import { expect, it } from 'vitest';
import { RpcNode } from '../../../../test/support/rpc-node.ts';

it('moves the node to a group that has a name', async () => {
  await using node = await RpcNode.start();
  expect(await node.call('update_scaling_group', 'gpu')).toBeNull();
  expect(node.services.published).toEqual(['moves to gpu']);
  await expect(node.call('update_scaling_group', '')).rejects.toThrow('TypeError');
});
