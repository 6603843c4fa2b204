/** What a member does of its own accord at its end, and what it says when nobody calls. */
import { expect, it } from 'vitest';
import { Member } from '../support/cluster/member.ts';
import { describeCluster } from '../support/cluster/services.ts';

describeCluster('a member', (services) => {
  it('that keeps no kernels ends them before it leaves, and tells of that', async () => {
    await using member = await Member.joined({
      id: 'i-thrown-away',
      etcdPort: services.etcd.port,
      stream: services.stream,
      agentLines: ['destroy-kernels-on-shutdown = true'],
    });
    const kernels = await member.createMany(2);
    expect((await member.endDaemon('SIGTERM')).status).toBe(0);
    const told = (await member.events()).filter(({ name }) => /^(kernel|agent)_terminated$/.test(name));
    expect(told.map(({ name }) => name)).toEqual(['kernel_terminated', 'kernel_terminated', 'agent_terminated']);
    expect(
      told
        .slice(0, 2)
        .map(({ args: [id, , reason] }) => `${id} ${reason}`)
        .sort(),
    ).toEqual(kernels.map(({ id }) => `${id} agent-termination`).sort());
  });

  it('says what may be wrong when no manager has called for long, and nothing when one has', async () => {
    const make = (id: string): Promise<Member> =>
      Member.joined({ id, etcdPort: services.etcd.port, stream: services.stream, heartbeatS: 1 });
    await using alone = await make('i-alone');
    await using called = await make('i-called');
    await called.call('ping', 'hello');
    await alone.untilLogged('no manager has called yet');
    expect(alone.log).toContain('"scalingGroup":"default"');
    await new Promise((resolve) => setTimeout(resolve, 4_000));
    expect(called.log).not.toContain('no manager has called yet');
  });
});
