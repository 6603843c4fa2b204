import { expect, it } from 'vitest';
import { AgentFixture } from '../../test/support/agent-fixture.ts';
import { KerneletError } from '../lib/errors.ts';

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
