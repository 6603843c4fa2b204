import { expect, it } from 'vitest';
import { AgentFixture, testAgentParts } from '../../test/support/agent-fixture.ts';
import { KerneletError } from '../lib/errors.ts';
import { asContainerId } from '../lib/ids.ts';
import { DefaultAgent } from './default-agent.ts';

const request = { image: 'kernelet/base:latest', environ: {}, mounts: [], publish: [], interpreter: 'lazy' } as const;

it('begins no kernel while there is no room for one, and serves those that are there', async () => {
  let isFull = false;
  await using fixture = await AgentFixture.start({
    assertRoom: async () => {
      if (isFull) throw new KerneletError('OVERLOADED', 'few descriptors are left');
    },
  });
  const { id } = await fixture.agent.create(request, AbortSignal.timeout(5000));
  isFull = true;
  await expect(fixture.agent.create(request, AbortSignal.timeout(5000))).rejects.toMatchObject({ code: 'OVERLOADED' });
  expect((await fixture.agent.list({ all: true })).map((kernel) => kernel.id)).toEqual([id]);
  await fixture.agent.destroy(id, { force: true });
  isFull = false;
  await fixture.agent.create(request, AbortSignal.timeout(5000));
});

// @promise pause
it('has a paused kernel go on for whatever needs it, once for all who ask, and leaves one alone that others have paused', async () => {
  await using fixture = await AgentFixture.start();
  const { agent } = fixture;
  const { dummy } = fixture.kernels;
  const { id, containerId } = await agent.create(request, AbortSignal.timeout(5000));
  const resumptions = () => dummy.calls.filter(({ method }) => method === 'resumeContainer').length;
  expect(await agent.pause(id)).toMatchObject({ phase: 'running', paused: { by: 'request' }, unreachableSince: null });
  expect(await agent.list({ all: false })).toMatchObject([{ paused: { by: 'request' } }]);
  await agent.stats(AbortSignal.timeout(5000));
  expect(resumptions()).toBe(0);
  const asked = [1, 2, 3].map(() => agent.complete(id, 'a', 1, AbortSignal.timeout(5000)).catch(() => 'answered'));
  expect(await Promise.all(asked)).toHaveLength(3);
  expect(resumptions()).toBe(1);
  expect(await agent.inspect(id)).toMatchObject({ paused: null });
  await dummy.pauseContainer(asContainerId(containerId ?? ''), AbortSignal.timeout(5000));
  await expect.poll(async () => (await agent.inspect(id)).paused).toMatchObject({ by: 'others' });
  await agent.complete(id, 'a', 1, AbortSignal.timeout(100)).catch(() => {});
  expect(await agent.inspect(id)).toMatchObject({ paused: { by: 'others' } });
  expect(await agent.resume(id, AbortSignal.timeout(5000))).toMatchObject({ paused: null });
});

it('tells of a kernel with a limited home whose disk hangs, and asks that disk once', async () => {
  const { parts, kernels } = await testAgentParts({});
  const { resolve } = parts.kernels;
  let looks = 0;
  Object.assign(parts.statistics, {
    lookAtHome: () => {
      looks += 1;
      return new Promise<void>(() => {});
    },
  });
  Object.assign(parts.kernels, {
    resolve: (id: string) => {
      const record = resolve.call(parts.kernels, id);
      return { ...record, spec: { ...record.spec, limits: { ...record.spec.limits, homeBytes: 2 ** 25 } } };
    },
  });
  {
    await using agent = new DefaultAgent(parts);
    await agent.start({ retry: false });
    const { id } = await agent.create(request, AbortSignal.timeout(5_000));
    expect(await agent.inspect(id)).toMatchObject({ phase: 'running' });
    expect(looks).toBe(0);
    const begunAt = performance.now();
    const patient = agent.inspectNow(id, new AbortController().signal);
    expect(await agent.inspectNow(id, AbortSignal.timeout(10))).toMatchObject({ phase: 'running' });
    expect(performance.now() - begunAt).toBeLessThan(900);
    expect(await patient).toMatchObject({ phase: 'running' });
    expect(performance.now() - begunAt).toBeLessThan(5_000);
    expect(looks).toBe(1);
  }
  await kernels.remove();
});
