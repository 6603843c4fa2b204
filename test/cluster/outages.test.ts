import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { EtcdClient } from '../../src/backendai/etcd/etcd-client.ts';
import { ScopedStore } from '../../src/backendai/etcd/scoped-store.ts';
import { EventWriter } from '../../src/backendai/redis/event-stream.ts';
import { RedisLink } from '../../src/backendai/redis/link.ts';
import { silentLogger as log } from '../../src/lib/log.ts';
import { agentId, type ClusterNode, heartbeatMs, startClusterNode } from '../support/cluster/cluster-node.ts';
import { everything } from '../support/cluster/etcd-admin.ts';
import { type EtcdMember, startEtcd, type TestEtcd } from '../support/cluster/etcd-server.ts';
import { describeWith } from '../support/cluster/programs.ts';
import { startRedis, type TestRedis } from '../support/cluster/redis-server.ts';
import { settingsOf } from '../support/cluster/redis-settings.ts';
import { entriesOf } from '../support/cluster/stream.ts';
import { TcpProxy } from '../support/cluster/tcp-proxy.ts';
import { within } from '../support/cluster/within.ts';

/** An outage of a server behind a proxy; `end` makes all well again. */
interface Outage {
  readonly name: string;
  readonly atStart?: true;
  /** Whether what was there before is gone afterwards. */
  readonly empties?: true;
  begin(process: { kill(): Promise<void> }, proxy: TcpProxy): Promise<void>;
  end(start: () => Promise<void>, proxy: TcpProxy): Promise<void>;
}

const down = {
  begin: async (process: { kill(): Promise<void> }) => await process.kill(),
  end: async (start: () => Promise<void>) => await start(),
};
const inProxy = (mode: TcpProxy['mode']) => ({
  begin: async (_: unknown, proxy: TcpProxy) => {
    proxy.mode = mode;
  },
  end: async (_: unknown, proxy: TcpProxy) => {
    proxy.mode = { kind: 'pass' };
  },
});
const outages: readonly Outage[] = [
  { name: 'down at start', atStart: true, empties: true, ...down },
  { name: 'down later, and back empty', empties: true, ...down },
  { name: 'slow', ...inProxy({ kind: 'slow', delayMs: 2000 }) },
  { name: 'half-open', ...inProxy({ kind: 'half-open' }) },
];
const lengthMs = 6000;

// @promise services-away
describeWith(['etcd', 'redis-server'], 'a node of a cluster', () => {
  let etcd: TestEtcd;
  let redis: TestRedis;
  let member: EtcdMember;
  let client: EtcdClient;
  let stream: RedisLink;
  beforeAll(async () => {
    etcd = await startEtcd();
    redis = await startRedis();
    const [only] = etcd.members;
    if (!only) throw new Error('no member');
    member = only;
    client = new EtcdClient({ addresses: [member.address], tls: null, credentials: null, log });
    stream = new RedisLink(settingsOf(redis.port), 4);
  });
  beforeEach(async () => {
    await stream.call(['FLUSHALL']);
  });
  afterAll(async () => {
    client[Symbol.dispose]();
    stream[Symbol.dispose]();
    await etcd[Symbol.asyncDispose]();
    await redis[Symbol.asyncDispose]();
  });

  const post = (node: ClusterNode, name: string): void =>
    node.outbox.post({ name, source: agentId, args: Uint8Array.of(0x90) });
  const named = async (pattern: RegExp) => (await entriesOf(stream)).filter(({ name }) => pattern.test(name));

  it.each(outages)('catches up with Redis: $name', async (outage) => {
    await using proxy = await TcpProxy.start(redis.port);
    if (outage.atStart) await outage.begin(redis.process, proxy);
    await using node = await startClusterNode({ etcd: member.port, redis: proxy.port });
    if (!outage.atStart) {
      await expect.poll(() => node.statistics.written, { timeout: 10_000 }).toBeGreaterThan(2);
      post(node, 'kernel before');
      await node.outbox.settled(within(10_000));
      await outage.begin(redis.process, proxy);
    }
    for (let number = 0; number < 30; number += 1) {
      post(node, `kernel ${number}`);
      await sleep(lengthMs / 30);
    }
    const slow = outage.name === 'slow';
    if (slow) {
      // Commands reach a slow server in time: nothing was late.
      const beats = (await named(/^agent_heartbeat$/)).map(({ at }) => at);
      const gaps = beats.slice(1).map((at, index) => at - (beats[index] ?? 0));
      expect(Math.max(...gaps)).toBeLessThan(heartbeatMs + 2200);
    }
    await outage.end(() => redis.process.start(), proxy);
    post(node, 'kernel after');
    await node.outbox.settled(within(20_000));
    const kernels = (await named(/^kernel/)).map(({ name }) => name);
    const during = Array.from({ length: 30 }, (_, number) => `kernel ${number}`);
    expect(kernels).toEqual([...(outage.empties ? [] : ['kernel before']), ...during, 'kernel after']);
    const beats = (await named(/^agent_heartbeat$/)).length;
    await expect
      .poll(async () => (await named(/^agent_heartbeat$/)).length, { timeout: 10_000 })
      .toBeGreaterThan(beats);
    const { written } = node.statistics;
    await expect.poll(() => node.statistics.written, { timeout: 10_000 }).toBeGreaterThan(written);
    const writer = new EventWriter(stream);
    await expect
      .poll(
        async () => {
          await writer.add({ name: 'do_volume_mount', source: 'manager', args: Buffer.from('x') });
          return node.read.length;
        },
        { timeout: 30_000, interval: 500 },
      )
      .toBeGreaterThan(0);
  });

  it.each(outages)('catches up with etcd: $name', async (outage) => {
    await using proxy = await TcpProxy.start(member.port);
    if (outage.atStart) await outage.begin(member.process, proxy);
    await using node = await startClusterNode({ etcd: proxy.port, redis: redis.port });
    if (!outage.atStart) {
      await expect.poll(() => node.configuration(), { timeout: 10_000 }).not.toBeNull();
      await sleep(500);
      await outage.begin(member.process, proxy);
    }
    await sleep(lengthMs);
    await outage.end(() => (outage.empties ? member.restartEmpty() : member.process.start()), proxy);
    const value = `${Math.random()}`;
    const store = new ScopedStore(client, { namespace: 'local', agentId, scalingGroup: 'default' });
    await expect
      .poll(
        () =>
          store.put({ 'config/agent/region': value }, 'global').then(
            () => true,
            () => false,
          ),
        { timeout: 20_000 },
      )
      .toBe(true);
    await expect.poll(() => node.configuration(), { timeout: 40_000 }).toEqual({ region: value });
    await expect
      .poll(() => everything(client, 'local'), { timeout: 40_000 })
      .toMatchObject({
        [`/sorna/local/nodes/agents/${agentId}/`]: 'running',
        [`/sorna/local/nodes/agents/${agentId}/ip`]: '10.0.0.1',
        [`/sorna/local/nodes/agents/${agentId}/watcher_port`]: '6009',
      });
    // The other service knew nothing of it.
    const beats = (await named(/^agent_heartbeat$/)).map(({ at }) => at);
    const gaps = beats.slice(1).map((at, index) => at - (beats[index] ?? 0));
    expect(beats.length).toBeGreaterThanOrEqual(lengthMs / heartbeatMs - 1);
    expect(Math.max(...gaps)).toBeLessThan(heartbeatMs + 300);
  });
});
