import { expect, it } from 'vitest';
import { RpcNode } from '../../../test/support/rpc-node.ts';

it.each([
  ['clean_all_kernels', ['manager-freeze-force-kill'], 'manager-freeze-force-kill'],
  ['reset_agent', [], 'agent-reset'],
] as const)('%s ends every kernel, and each end is told', async (name, args, reason) => {
  await using node = await RpcNode.start();
  await Promise.all([node.kernel(), node.kernel()]);
  expect(await node.call(name, ...args)).toBeNull();
  expect(await node.fixture.agent.list({ all: false })).toEqual([]);
  const ends = node.fixture.kernels.events.filter(({ type }) => type === 'kernel-terminated');
  expect(ends).toMatchObject([{ reason }, { reason }]);
  expect(await node.call(name, ...args)).toBeNull();
});
