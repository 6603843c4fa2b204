import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { Member } from '../support/cluster/member.ts';
import { describeCluster } from '../support/cluster/services.ts';
import { TcpProxy } from '../support/cluster/tcp-proxy.ts';

/** Long enough for a program that gives up to have given up. */
const outageMs = 6_000;

describeCluster('a member whose services come and go', (services) => {
  const make = (id: string, etcdPort = services.etcd.port): Promise<Member> =>
    Member.make({ id, etcdPort, stream: services.stream });
  const joined = async (id: string): Promise<Member> => {
    const member = await make(id);
    await member.startDaemon();
    await member.untilLogged('member of the cluster');
    return member;
  };

  it('waits for etcd, and for a manager in it', async () => {
    await services.etcd.process.kill();
    await using member = await make('i-etcd-later');
    await member.startDaemon();
    await sleep(outageMs);
    expect(member.isRunning).toBe(true);
    await services.etcd.restartEmpty();
    await member.until(
      'its first word',
      async () => '/sorna/local/nodes/agents/i-etcd-later/' in (await services.keys()),
    );
    await sleep(1000);
    expect((await services.keys())['/sorna/local/nodes/agents/i-etcd-later/']).toBe('starting');
    await services.settle();
    await member.untilLogged('member of the cluster');
    expect((await services.keys())['/sorna/local/nodes/agents/i-etcd-later/']).toBe('running');
  });

  // @promise stop-in-time
  it('ends at once when it is stopped while it waits', async () => {
    await services.etcd.process.kill();
    const member = await make('i-etcd-never');
    await member.startDaemon();
    await member.untilLogged('joining a cluster');
    const { status, ms } = await member.endDaemon('SIGTERM');
    expect([status, ms < 5000]).toEqual([0, true]);
    await services.etcd.process.start();
    await services.settle();
    await member[Symbol.asyncDispose]();
  });

  // @promise services-away
  it('serves kernels without Redis, and tells of everything when it is there', async () => {
    await using member = await joined('i-redis-later');
    const [kept, lost] = [await member.create(), await member.create()];
    await member.endDaemon('SIGKILL');
    await services.redis.process.kill();
    await member.startDaemon();
    await member.untilLogged('recovered');
    expect(await member.execute(kept, 'print("here")')).toBe('here\n');
    await member.destroy(lost);
    await sleep(outageMs);
    expect(member.isRunning).toBe(true);
    await services.redis.process.start();
    await member.untilLogged('member of the cluster');
    await member.until('the end', async () => (await member.lifeOf(lost)).includes('kernel_terminated'));
    expect(await member.lifeOf(kept)).toEqual([]);
    expect(await member.execute(kept, 'print("still")')).toBe('still\n');
    expect(await member.events('agent_started')).toHaveLength(1);
  });

  // @promise found-again
  it('keeps what happens while Redis is away, and registers again in an etcd that has lost it', async () => {
    await using member = await joined('i-later');
    const kernel = await member.create();
    await services.redis.process.kill();
    await member.destroy(kernel);
    await services.etcd.restartEmpty();
    await services.settle();
    await member.until(
      'the registration',
      async () => (await services.keys())['/sorna/local/nodes/agents/i-later/'] === 'running',
    );
    expect(await services.keys()).toMatchObject({ '/sorna/local/nodes/agents/i-later/ip': '127.0.0.1' });
    await services.redis.process.start();
    await member.until('the end', async () => (await member.lifeOf(kernel)).includes('kernel_terminated'));
    await member.until('a heartbeat', async () => (await member.events('agent_heartbeat')).length > 0);
  });

  it('joins by way of slow services', async () => {
    await using etcd = await TcpProxy.start(services.etcd.port);
    await using redis = await TcpProxy.start(services.redis.port);
    etcd.mode = { kind: 'slow', delayMs: 1500 };
    redis.mode = { kind: 'slow', delayMs: 1500 };
    await services.settle({ 'config/redis/addr': `127.0.0.1:${redis.port}` });
    await using member = await make('i-slow', etcd.port);
    await member.startDaemon();
    await member.untilLogged('member of the cluster', 120_000);
    const kernel = await member.create();
    expect(await member.execute(kernel, 'print(1)')).toBe('1\n');
    await services.settle();
    etcd.mode = { kind: 'pass' };
    redis.mode = { kind: 'pass' };
  });
});
