import { expect, it, vi } from 'vitest';
import { createKernelsArguments, kernelConfigFixture } from '../../../../test/support/create-kernels-request.ts';
import { FakeAgent } from '../../../../test/support/fake-agent.ts';
import { anySession, RpcNode } from '../../../../test/support/rpc-node.ts';
import { rpcServices } from '../../../../test/support/rpc-services.ts';
import { newKernelId } from '../../../lib/ids.ts';
import { silentLogger } from '../../../lib/log.ts';
import { cleanAllKernels } from './clean-all-kernels.ts';

it.each([
  ['clean_all_kernels', ['manager-freeze-force-kill'], 'manager-freeze-force-kill'],
  ['reset_agent', [], 'agent-reset'],
] as const)('%s ends every kernel, and each end is published', async (name, args, reason) => {
  await using node = await RpcNode.start();
  await Promise.all([node.kernel(), node.kernel()]);
  expect(await node.call(name, ...args)).toBeNull();
  expect(await node.fixture.agent.list({ all: false })).toEqual([]);
  const ends = node.fixture.kernels.events.filter(({ type }) => type === 'kernel-terminated');
  expect(ends).toMatchObject([{ reason }, { reason }]);
  expect(await node.call(name, ...args)).toBeNull();
});

it('gives up kernels whose image is still being pulled, which to managers are here', async () => {
  await using node = await RpcNode.start();
  using _slow = node.fixture.kernels.dummy.fail('pullImage', { kind: 'delay', delayMs: 60_000 });
  const id = newKernelId();
  const image = { ...(kernelConfigFixture()['image'] as object), canonical: 'drv.local/kern/nosuch:1' };
  const config = kernelConfigFixture({ image, auto_pull: 'tag' });
  const refused = expect(
    node.call('create_kernels', ...createKernelsArguments(anySession, { [id]: config })),
  ).rejects.toThrow('RuntimeError');
  await expect.poll(() => node.services.published).toEqual([expect.stringContaining(`${id} pulls`)]);
  await node.call('sync_kernel_registry', [[id, anySession]]);
  expect(node.services.published).toHaveLength(1);
  expect(await node.call('clean_all_kernels', 'manager-freeze-force-kill')).toBeNull();
  await refused;
  expect(node.services.published).toContain(`${id} failed`);
  expect(await node.fixture.agent.list({ all: true })).toEqual([]);
});

it('answers in the end, also when the engine hangs', async () => {
  await using agent = await FakeAgent.start();
  await agent.create(
    { image: 'debian', environ: {}, mounts: [], publish: [], interpreter: 'lazy' },
    AbortSignal.timeout(1000),
  );
  agent.destroy = () => new Promise(() => {});
  await using services = rpcServices({ agent });
  vi.useFakeTimers();
  try {
    const call = { services, signal: new AbortController().signal, log: silentLogger };
    const refused = expect(Promise.resolve(cleanAllKernels.handle({ reason: 'x' }, call))).rejects.toMatchObject({
      code: 'DEADLINE_EXCEEDED',
    });
    await vi.advanceTimersByTimeAsync(120_000);
    await refused;
  } finally {
    vi.useRealTimers();
  }
});
