import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { Member, type OrderedKernel } from '../support/cluster/member.ts';
import { describeWith } from '../support/cluster/programs.ts';
import { type ClusterServices, startServices } from '../support/cluster/services.ts';
import { TcpProxy } from '../support/cluster/tcp-proxy.ts';
import { byDepth } from '../support/depth.ts';

const longMs = byDepth({ quick: 10_000, full: 60_000, nightly: 600_000 });
/** Of every other: longer than any command's deadline. */
const shortMs = 8_000;
const slowMs = 5_000;
/** For what an outage has delayed. */
const catchUpMs = 90_000;
const tiny = 'kernelet/base:latest';
const begun = ['kernel_preparing', 'kernel_creating', 'kernel_started'];
const whole = [...begun, 'kernel_terminated'];

interface Outage {
  readonly name: string;
  begin(place: Place): Promise<void>;
  end(place: Place): Promise<void>;
}

/** A service with the proxy that members go through. */
interface Place {
  readonly proxy: TcpProxy;
  readonly process: { kill(): Promise<void> };
  /** Starts it again without what it had. */
  restart(): Promise<void>;
}

const inProxy = (name: string, mode: TcpProxy['mode']): Outage => ({
  name,
  begin: async ({ proxy }) => {
    proxy.mode = mode;
  },
  end: async ({ proxy }) => {
    proxy.mode = { kind: 'pass' };
  },
});
const down: Outage = {
  name: 'down, and back empty',
  begin: async ({ process }) => await process.kill(),
  end: async ({ restart }) => await restart(),
};
const outages: readonly Outage[] = [
  down,
  inProxy('slow', { kind: 'slow', delayMs: slowMs }),
  inProxy('half-open', { kind: 'half-open' }),
];

describeWith(['etcd', 'redis-server'], 'the daemon, through outages', () => {
  let services: ClusterServices;
  let places: Readonly<Record<'etcd' | 'Redis', Place>>;
  const settle = (): Promise<void> => services.settle({ 'config/redis/addr': `127.0.0.1:${places.Redis.proxy.port}` });
  beforeAll(async () => {
    services = await startServices();
    const { etcd, redis } = services;
    places = {
      etcd: {
        proxy: await TcpProxy.start(etcd.port),
        process: etcd.process,
        restart: async () => {
          await etcd.restartEmpty();
          await settle();
        },
      },
      Redis: { proxy: await TcpProxy.start(redis.port), process: redis.process, restart: () => redis.process.start() },
    };
  });
  beforeEach(async () => {
    await settle();
    await services.stream.call(['FLUSHALL']);
  });
  afterAll(async () => {
    for (const { proxy } of Object.values(places)) await proxy[Symbol.asyncDispose]();
    await services[Symbol.asyncDispose]();
  });

  const made = (id: string): Promise<Member> =>
    Member.make({ id, etcdPort: places.etcd.proxy.port, stream: services.stream, heartbeatS: 1 });
  const join = async (member: Member): Promise<void> => {
    await member.startDaemon();
    await member.untilLogged('member of the cluster', catchUpMs);
  };
  const untilLived = (member: Member, kernel: OrderedKernel): Promise<void> =>
    member.until('the end of a life', async () => (await member.lifeOf(kernel)).length >= whole.length, catchUpMs);
  /** Heartbeats come again, the registration is there, and a kernel lives its life. */
  const expectWell = async (member: Member): Promise<void> => {
    const beats = async (): Promise<number> => (await member.events('agent_heartbeat')).length;
    const before = await beats();
    await member.until('more heartbeats', async () => (await beats()) > before + 1, catchUpMs);
    const key = `/sorna/local/nodes/agents/${member.id}/`;
    await member.until('the registration', async () => (await services.keys())[key] === 'running', catchUpMs);
    const kernel = await member.create({}, tiny);
    await member.destroy(kernel);
    await untilLived(member, kernel);
    expect(await member.lifeOf(kernel)).toEqual(whole);
  };

  // @promise events-once
  it(`of Redis for ${longMs / 1000} s, killed meanwhile: every event arrives once, each life in its order`, {
    timeout: longMs + 240_000,
  }, async () => {
    await using member = await made('i-outage');
    await join(member);
    const witness = await member.create();
    await member.execute(witness, 'kept = 41');
    const first = await member.create({}, tiny);
    const { proxy } = places.Redis;
    const over = sleep(longMs);
    proxy.mode = { kind: 'half-open' };
    const second = await member.create({}, tiny);
    await member.destroy(first);
    await member.endDaemon('SIGKILL');
    await member.startDaemon();
    await member.until('calls are answered', () => member.client.ping(1000), catchUpMs);
    const third = await member.create({}, tiny);
    await member.destroy(second);
    await over;
    proxy.mode = { kind: 'pass' };
    await member.destroy(third);
    await untilLived(member, third);
    expect(await member.execute(witness, 'print(kept + 1)')).toBe('42\n');
    await expectWell(member);
    // Events come in their order: whatever would have come twice has come by the end of a later life.
    for (const kernel of [first, second, third]) expect(await member.lifeOf(kernel)).toEqual(whole);
    expect(await member.lifeOf(witness)).toEqual(begun);
  });

  const cases = (['etcd', 'Redis'] as const).flatMap((service) => outages.map((outage) => ({ service, outage })));

  // @promise found-again
  it.each(cases)('$service $outage.name: goes on, and catches up', async ({ service, outage }) => {
    const place = places[service];
    await using member = await made('i-goes-on');
    await join(member);
    const witness = await member.create({}, tiny);
    const { pid } = member;
    const over = sleep(shortMs);
    await outage.begin(place);
    const kernel = await member.create({}, tiny);
    await member.destroy(kernel);
    expect(await member.client.ping(1000)).toBe(true);
    await over;
    await outage.end(place);
    await untilLived(member, kernel);
    expect(await member.lifeOf(kernel)).toEqual(whole);
    await expectWell(member);
    expect([member.pid, member.isRunning]).toEqual([pid, true]);
    expect((await member.run(['ps', '--json'])).text).toContain(witness.id);
  });
});
