/** A hostile tenant in a kernel that a manager has ordered: what is open there beside what is in any kernel is known. */
import { expect, it } from 'vitest';
import { Member } from '../support/cluster/member.ts';
import { describeCluster } from '../support/cluster/services.ts';
import { assertAllowed } from '../support/hostile-tenant/allow-list.ts';
import { hostServices, leastReached, probeKernel } from '../support/hostile-tenant/probe.ts';

describeCluster('a hostile tenant of a member', (services) => {
  it('finds nothing open but what is allowed', async () => {
    await using ofHost = await hostServices();
    await using member = await Member.joined({
      id: 'i-hostile',
      etcdPort: services.etcd.port,
      stream: services.stream,
    });
    const { id } = await member.create();
    const { tried, open } = await probeKernel(member, id, { services: ofHost, extent: 'whole' });
    assertAllowed(open, 'member');
    expect(tried).toMatchObject({ 'system-call': 512, 'socket-family': 46 });
    expect(tried['reach']).toBeGreaterThanOrEqual(leastReached(ofHost));
  });
});
