import { expect, it } from 'vitest';
import { Member } from '../support/cluster/member.ts';
import { describeCluster } from '../support/cluster/services.ts';

describeCluster('a member with the name of another', (services) => {
  it('does not join while that one lives, and takes its place when it is gone', async () => {
    await services.settle({ 'nodes/agents/i-twin/ip': '10.9.9.9' });
    const live = services.redis.link(2);
    let beats = 0;
    const other = setInterval(() => {
      beats += 1;
      live.call(['HSET', 'agent.last_seen', 'i-twin', `${beats}.5`]).catch(() => {});
    }, 100);
    await using member = await Member.make({ id: 'i-twin', etcdPort: services.etcd.port, stream: services.stream });
    try {
      await member.startDaemon();
      await member.untilLogged('registered from another address');
      await expect.poll(() => member.isRunning, { timeout: 15_000 }).toBe(false);
      expect(member.log).toContain('another agent at 10.9.9.9 is i-twin too');
      expect(await member.events()).toEqual([]);
    } finally {
      clearInterval(other);
    }
    await member.startDaemon();
    await member.untilLogged('member of the cluster');
    expect((await services.keys())['/sorna/local/nodes/agents/i-twin/ip']).toBe('127.0.0.1');
  });
});
