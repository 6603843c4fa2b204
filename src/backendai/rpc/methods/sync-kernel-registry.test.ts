import { afterEach, expect, it, vi } from 'vitest';
import { anySession, RpcNode, unknownKernel } from '../../../../test/support/rpc-node.ts';

afterEach(() => vi.useRealTimers());

it('tells the end of kernels that are not here, and ends old ones that the manager does not know', async () => {
  await using node = await RpcNode.start();
  const [known, stray] = [await node.kernel(), await node.kernel()];
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 61_000 });
  const young = await node.kernel();
  await node.call('sync_kernel_registry', [
    [unknownKernel, anySession],
    [known.id, known.sessionId],
  ]);
  expect(node.services.published).toEqual([
    `${unknownKernel} of ${anySession}: already-terminated`,
    `suppressed ${stray.id}`,
  ]);
  await vi.waitFor(async () => expect(await node.isLive(stray.id)).toBe(false));
  const { termination } = await node.fixture.agent.inspect(stray.id);
  expect(termination?.reason).toBe('not-found-in-manager');
  expect([await node.isLive(known.id), await node.isLive(young.id)]).toEqual([true, true]);
});
