import { expect, it, vi } from 'vitest';
import { FakeAgent } from '../../../../test/support/fake-agent.ts';
import { anySession, RpcNode, unknownKernel } from '../../../../test/support/rpc-node.ts';
import { rpcServices } from '../../../../test/support/rpc-services.ts';
import { silentLogger } from '../../../lib/log.ts';
import { destroyKernel } from './destroy-kernel.ts';

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
  expect(node.services.published).toEqual([]);
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

it('publishes the end of a kernel that is not here, unless events are suppressed', async () => {
  await using node = await RpcNode.start();
  await node.call('destroy_kernel', unknownKernel, anySession, 'user-requested', true);
  expect(node.services.published).toEqual([]);
  await node.call('destroy_kernel', unknownKernel, anySession, 'user-requested', false);
  expect(node.services.published).toEqual([`${unknownKernel} of ${anySession}: already-terminated`]);
  const { id, sessionId } = await node.kernel();
  await node.call('destroy_kernel', id, sessionId, 'failed-to-start', true);
  expect(node.services.published.at(-1)).toBe(`suppressed ${id}`);
});

it('answers in the end, also when the engine hangs', async () => {
  await using agent = await FakeAgent.start();
  const request = { image: 'debian', environ: {}, mounts: [], publish: [], interpreter: 'lazy' } as const;
  const { id } = await agent.create(request, AbortSignal.timeout(1000));
  agent.destroy = () => new Promise(() => {});
  await using services = rpcServices({ agent });
  vi.useFakeTimers();
  const call = { services, signal: new AbortController().signal, log: silentLogger };
  const args = { kernel_id: id, session_id: anySession, reason: null, suppress_events: false };
  const ending = Promise.resolve(destroyKernel.handle(args, call));
  const refused = expect(ending).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
  await vi.advanceTimersByTimeAsync(120_000);
  await refused;
  vi.useRealTimers();
});

it('takes any text as a reason, in one line of bounded length', async () => {
  await using node = await RpcNode.start();
  const { id, sessionId } = await node.kernel();
  await node.call('destroy_kernel', id, sessionId, `a\n\0b${'x'.repeat(500)}`, false);
  const { termination } = await node.fixture.agent.inspect(id);
  expect(termination?.reason).toMatch(/^a bx{197}…$/);
});
