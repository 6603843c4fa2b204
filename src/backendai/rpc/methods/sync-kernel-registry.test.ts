import { afterEach, expect, it, vi } from 'vitest';
import { anySession, RpcNode, unknownKernel } from '../../../../test/support/rpc-node.ts';

afterEach(() => vi.useRealTimers());

it('sync_kernel_registry publishes the end of kernels that are not here, and ends old ones that the manager does not know', async () => {
  await using node = await RpcNode.start();
  const [known, unknown] = [await node.kernel(), await node.kernel()];
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 61_000 });
  const young = await node.kernel();
  await node.call('sync_kernel_registry', [
    [unknownKernel, anySession],
    [known.id, known.sessionId],
  ]);
  expect(node.services.published).toEqual([
    `${unknownKernel} of ${anySession}: already-terminated`,
    `suppressed ${unknown.id}`,
  ]);
  await vi.waitFor(async () => expect(await node.isLive(unknown.id)).toBe(false));
  const { termination } = await node.fixture.agent.inspect(unknown.id);
  expect(termination?.reason).toBe('not-found-in-manager');
  expect([await node.isLive(known.id), await node.isLive(young.id)]).toEqual([true, true]);
});
