import { expect, it } from 'vitest';
import { createKernelsArguments, kernelConfigFixture } from '../../../../test/support/create-kernels-request.ts';
import { FakeClock } from '../../../../test/support/fake-clock.ts';
import { anySession, RpcNode, unknownKernel } from '../../../../test/support/rpc-node.ts';
import { newKernelId } from '../../../lib/ids.ts';

const state = async (node: RpcNode, id: string) =>
  await Promise.all([node.call('check_creating', id), node.call('check_running', id)]);

it('says of a kernel whether it is here, and whether it runs', async () => {
  const clock = new FakeClock();
  await using node = await RpcNode.start({ settings: { graceMs: 0 }, dummy: { clock } });
  const id = newKernelId();
  expect(await state(node, unknownKernel)).toEqual([false, false]);
  using _slow = node.fixture.kernels.dummy.fail('startContainer', { kind: 'delay', delayMs: 60_000 });
  const made = node.call('create_kernels', ...createKernelsArguments(anySession, { [id]: kernelConfigFixture() }));
  await expect.poll(() => state(node, id)).toEqual([true, false]);
  await node.engineCalled('startContainer');
  await clock.advance(60_000);
  await made;
  expect(await state(node, id)).toEqual([true, true]);
  await node.call('destroy_kernel', id, anySession);
  expect(await state(node, id)).toEqual([false, false]);
});

it.each([
  ['purge_containers', 'user-purged'],
  ['drop_kernel_registry', 'not-found-in-manager'],
])('%s ends the kernels that are named, quietly, and no others', async (method, reason) => {
  await using node = await RpcNode.start();
  const [named, other] = [await node.kernel(), await node.kernel()];
  const args =
    method === 'purge_containers'
      ? [
          [named.containerId, named.id],
          ['0123', other.id],
          ['0123', unknownKernel],
        ]
      : [named.id, unknownKernel];
  expect(await node.call(method, args)).toEqual({});
  await expect.poll(() => node.isLive(named.id)).toBe(false);
  expect((await node.fixture.agent.inspect(named.id)).termination?.reason).toBe(reason);
  expect(await node.isLive(other.id)).toBe(true);
});
