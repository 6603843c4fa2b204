import { expect, it } from 'vitest';
import { RpcNode, unknownKernel } from '../../../../test/support/rpc-node.ts';

it('interrupts what runs', async () => {
  await using node = await RpcNode.start();
  const { id } = await node.kernel();
  expect(await node.call('interrupt_kernel', id)).toEqual({ status: 'finished' });
  expect(node.runner.requests.at(-1)).toEqual({ method: 'interrupt', params: { run: null } });
  await expect(node.call('interrupt_kernel', unknownKernel)).rejects.toThrow('KeyError');
});
