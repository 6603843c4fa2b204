import { expect, it } from 'vitest';
import { AgentFixture, testAgentParts } from '../../test/support/agent-fixture.ts';
import { KerneletError } from '../lib/errors.ts';
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
