import { expect, it } from 'vitest';
import { anySession, RpcNode, unknownKernel } from '../../../test/support/rpc-node.ts';

it('ends a kernel with the reason given, and leaves nothing', async () => {
  await using node = await RpcNode.start();
  const { id, sessionId } = await node.kernel();
  expect(await node.call('destroy_kernel', id, sessionId, 'idle-session-lifetime', false)).toBeNull();
  expect(await node.isLive(id)).toBe(false);
  expect(node.fixture.kernels.events.at(-1)).toMatchObject({
    type: 'kernel-terminated',
    kernelId: id,
    reason: 'idle-session-lifetime',
  });
  expect(await node.fixture.kernels.leftovers()).toEqual([]);
  expect(node.services.told).toEqual([]);
});

it('is asked for by all, done once, and keeps the first reason', async () => {
  await using node = await RpcNode.start();
  const { id, sessionId } = await node.kernel();
  await Promise.all([
    node.call('destroy_kernel', id, sessionId),
    node.call('destroy_kernel', id, sessionId, 'force-terminated', false),
  ]);
  const ends = node.fixture.kernels.events.filter(({ type }) => type === 'kernel-terminated');
  expect(ends).toMatchObject([{ reason: 'user-requested' }]);
});

it('tells managers of a kernel that is not here, unless they want to hear nothing', async () => {
  await using node = await RpcNode.start();
  await node.call('destroy_kernel', unknownKernel, anySession, 'user-requested', true);
  expect(node.services.told).toEqual([]);
  await node.call('destroy_kernel', unknownKernel, anySession, 'user-requested', false);
  expect(node.services.told).toEqual([`${unknownKernel} of ${anySession}: already-terminated`]);
  const { id, sessionId } = await node.kernel();
  await node.call('destroy_kernel', id, sessionId, 'failed-to-start', true);
  expect(node.services.told.at(-1)).toBe(`quiet ${id}`);
});

it('takes any text as a reason, in one line of bounded length', async () => {
  await using node = await RpcNode.start();
  const { id, sessionId } = await node.kernel();
  await node.call('destroy_kernel', id, sessionId, `a\n\0b${'x'.repeat(500)}`, false);
  const { termination } = await node.fixture.agent.inspect(id);
  expect(termination?.reason).toMatch(/^a bx{197}…$/);
});
