import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { Member, type MemberOptions } from '../support/cluster/member.ts';
import { describeCluster } from '../support/cluster/services.ts';
import { TcpProxy } from '../support/cluster/tcp-proxy.ts';

/** Beats come close enough for one to be under way when the daemon is stopped. */
const heartbeatS = 1;
/** The leave's own patience with each of them, together. */
const maxMs = 9_000;

describeCluster('a member that leaves', (services) => {
  // @promise stop-in-time
  it('does not wait for an etcd and a Redis that hang', async () => {
    await using etcd = await TcpProxy.start(services.etcd.port);
    await using redis = await TcpProxy.start(services.redis.port);
    await services.settle({ 'config/redis/addr': `127.0.0.1:${redis.port}` });
    const options: MemberOptions = {
      id: 'i-leaves',
      etcdPort: etcd.port,
      stream: services.stream,
      heartbeatS,
      simulation: {},
    };
    await using member = await Member.joined(options);
    etcd.mode = { kind: 'half-open' };
    redis.mode = { kind: 'half-open' };
    await sleep(heartbeatS * 2_000);
    const { status, ms } = await member.endDaemon('SIGTERM');
    etcd.mode = { kind: 'pass' };
    await services.settle();
    expect(status).toBe(0);
    expect(ms).toBeLessThan(maxMs);
  });

  it('lets figures of kernels expire that ended while it was away', async () => {
    const options: MemberOptions = {
      id: 'i-away',
      etcdPort: services.etcd.port,
      stream: services.stream,
      simulation: {},
    };
    await using member = await Member.joined(options);
    const { id } = await member.create({}, 'kernelet/base:latest');
    await services.statistics.call(['SET', id, 'figures']);
    await member.endDaemon('SIGKILL');
    // The engine in memory goes with the daemon, and the container with it.
    await member.startDaemon();
    const ttl = async () => Number(await services.statistics.call(['TTL', id]));
    await member.until('the expiry', async () => (await ttl()) > 0);
    expect(await services.statistics.call(['GET', id])).not.toBeNull();
  });
});
