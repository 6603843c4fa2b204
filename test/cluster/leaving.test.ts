import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Member } from '../support/cluster/member.ts';
import { describeWith } from '../support/cluster/programs.ts';
import { type ClusterServices, startServices } from '../support/cluster/services.ts';
import { TcpProxy } from '../support/cluster/tcp-proxy.ts';

/** Beats come close enough for one to be under way when the daemon is stopped. */
const heartbeatS = 1;
/** The leave's own patience with each of them, together. */
const mostMs = 9_000;

describeWith(['etcd', 'redis-server'], 'a member that leaves', () => {
  let services: ClusterServices;
  beforeAll(async () => {
    services = await startServices();
  });
  afterAll(() => services[Symbol.asyncDispose]());

  it('does not wait for an etcd and a Redis that hang', async () => {
    await using etcd = await TcpProxy.start(services.etcd.port);
    await using redis = await TcpProxy.start(services.redis.port);
    await services.settle({ 'config/redis/addr': `127.0.0.1:${redis.port}` });
    const options = { id: 'i-leaves', etcdPort: etcd.port, stream: services.stream, heartbeatS, rehearsal: {} };
    await using member = await Member.joined(options);
    etcd.mode = { kind: 'half-open' };
    redis.mode = { kind: 'half-open' };
    await sleep(heartbeatS * 2_000);
    const { status, ms } = await member.endDaemon('SIGTERM');
    etcd.mode = { kind: 'pass' };
    await services.settle();
    expect(status).toBe(0);
    expect(ms).toBeLessThan(mostMs);
  });
});
