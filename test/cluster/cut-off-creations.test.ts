import { expect, it } from 'vitest';
import type { DummyMethod } from '../../src/engine/dummy/dummy-faults.ts';
import { newKernelId } from '../../src/lib/ids.ts';
import { Member } from '../support/cluster/member.ts';
import { describeCluster } from '../support/cluster/services.ts';
import { createKernelsArguments, kernelConfigFixture } from '../support/create-kernels-request.ts';

/** From the start of the next process until managers can read it. */
const toldWithinMs = 10_000;

describeCluster('a creation that the death of its agent cuts off', (services) => {
  // @promise creation-cut-off
  it.each([
    ['while its image is pulled', 'pullImage', 'kernelet/absent:latest', ['kernel_preparing', 'kernel_pulling']],
    ['while its container is made', 'createContainer', 'kernelet/base:latest', ['kernel_preparing', 'kernel_creating']],
  ] as const)('%s is told as failed, once, within seconds of the next start', async (_, method, image, begun) => {
    await using member = await Member.joined({
      id: `i-cut-off-${method.toLowerCase()}`,
      etcdPort: services.etcd.port,
      stream: services.stream,
      simulation: {},
    });
    await member.order({ order: 'hang', method: method satisfies DummyMethod, times: 100 });
    const id: string = newKernelId();
    const fixture = kernelConfigFixture({ auto_pull: method === 'pullImage' ? 'digest' : 'none' });
    const config = { ...fixture, image: { ...(fixture['image'] as object), canonical: image } };
    const call = member.client.call('create_kernels', createKernelsArguments(newKernelId(), { [id]: config }));
    call.catch(() => {});
    const life = () => member.lifeOf({ id });
    await member.until('the begin of the creation', async () => (await life()).length === begun.length);
    await member.endDaemon('SIGKILL');
    const startedAt = performance.now();
    await member.startDaemon();
    await member.until('the end of the creation', async () => (await life()).includes('kernel_terminated'));
    expect(performance.now() - startedAt).toBeLessThan(toldWithinMs);
    const [event] = (await member.events('kernel_terminated')).filter(({ args }) => args[0] === id);
    expect(event?.args[2]).toBe('failed-to-create');
    await member.endDaemon('SIGKILL');
    await member.startDaemon();
    await member.untilLogged('member of the cluster');
    expect(await life()).toEqual([...begun, 'kernel_terminated']);
  });
});
