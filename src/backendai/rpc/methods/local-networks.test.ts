import { expect, it } from 'vitest';
import { RpcNode } from '../../../../test/support/rpc-node.ts';

it('makes and removes the networks of sessions, as often as it is asked, and no others', async () => {
  await using node = await RpcNode.start();
  const { engine } = node.fixture.kernels;
  const name = 'bai-singlenode-x';
  for (let times = 0; times < 2; times += 1) expect(await node.call('create_local_network', name)).toBeNull();
  expect(await engine.inspectNetwork(name, AbortSignal.timeout(1000))).toMatchObject({
    labels: { 'ai.backend.cluster-network': '1' },
  });
  for (let times = 0; times < 2; times += 1) expect(await node.call('destroy_local_network', name)).toBeNull();
  expect(await engine.inspectNetwork(name, AbortSignal.timeout(1000))).toBeNull();
  await expect(node.call('create_local_network', 'bridge')).rejects.toThrow('ValueError');
  await expect(node.call('destroy_local_network', 'bridge')).rejects.toThrow('ValueError');
});
