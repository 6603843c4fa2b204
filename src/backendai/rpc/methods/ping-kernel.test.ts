import { expect, it } from 'vitest';
import { RpcNode, unknownKernel } from '../../../../test/support/rpc-node.ts';

it('says when the runner began, and that a kernel is not known', async () => {
  await using node = await RpcNode.start();
  const { id } = await node.kernel();
  expect(await node.call('ping_kernel', id)).toEqual({ started_at: 1.5 });
  await expect(node.call('ping_kernel', unknownKernel)).rejects.toThrow(`KeyError KeyError(UUID('${unknownKernel}'))`);
});
