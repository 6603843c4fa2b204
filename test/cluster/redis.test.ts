import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { storeContainerLog } from '../../src/backendai/redis/container-log.ts';
import { EventWriter, readEvents } from '../../src/backendai/redis/event-stream.ts';
import { HeartbeatSender } from '../../src/backendai/redis/heartbeat-sender.ts';
import { RedisLink, redisDatabases } from '../../src/backendai/redis/link.ts';
import { RedisStatistics } from '../../src/backendai/redis/statistics-keys.ts';
import { BackgroundTaskRecords } from '../../src/backendai/redis/task-records.ts';
import { systemClock as clock } from '../../src/lib/clock.ts';
import { silentLogger as log } from '../../src/lib/log.ts';
import { makeCertificates } from '../support/cluster/certificates.ts';
import { describeWith } from '../support/cluster/programs.ts';
import { startRedis, startSentinels, type TestRedis } from '../support/cluster/redis-server.ts';
import { settingsOf } from '../support/cluster/redis-settings.ts';
import { ownFolder } from '../support/cluster/server-process.ts';
import { entriesOf } from '../support/cluster/stream.ts';
import { TcpProxy } from '../support/cluster/tcp-proxy.ts';
import { within } from '../support/cluster/within.ts';

import bgtasks from '../vectors/events/bgtask-24.09.json' with { type: 'json' };
import logs from '../vectors/events/container-log-24.09.json' with { type: 'json' };
import events from '../vectors/events/events-24.09.json' with { type: 'json' };
import keys from '../vectors/events/redis-keys-24.09.json' with { type: 'json' };
import statistics from '../vectors/events/stats-24.09.json' with { type: 'json' };

const kernel = '11111111-2222-4333-8444-555555555555';
const container = 'f0e1d2c3b4a5968778695a4b3c2d1e0ff0e1d2c3b4a5968778695a4b3c2d1e0f';
const bytes = (hex: string): Buffer => Buffer.from(hex, 'hex');

async function* inPieces(hex: readonly string[]): AsyncGenerator<Uint8Array> {
  for (const piece of hex) yield bytes(piece);
}

describeWith(['redis-server', 'openssl'], 'Redis keys', () => {
  let redis: TestRedis;
  let stream: RedisLink;
  let stat: RedisLink;
  beforeAll(async () => {
    redis = await startRedis();
    stream = redis.link(redisDatabases.stream);
    stat = redis.link(redisDatabases.statistics);
  });
  beforeEach(async () => {
    await stream.call(['FLUSHALL']);
  });
  afterAll(async () => await redis[Symbol.asyncDispose]());

  it('adds every recorded event with the recorded bytes', async () => {
    const writer = new EventWriter(stream);
    for (const { fields } of events.vectors) {
      const text = (hex: string): string => bytes(hex).toString();
      await writer.add({ name: text(fields.name), source: text(fields.source), args: bytes(fields.args) });
    }
    const seen = await entriesOf(stream);
    expect(seen.length).toBeGreaterThan(40);
    expect(seen.map(({ name, source, args }) => ({ name, source, args }))).toEqual(
      events.vectors.map((one) => ({ name: one.name_utf8, source: one.source_utf8, args: one.fields.args })),
    );
  });

  it('bounds the stream', async () => {
    const writer = new EventWriter(stream, 200);
    await Promise.all(Array.from({ length: 1000 }, () => writer.add({ name: 'n', source: 's', args: bytes('90') })));
    expect(await stream.call(['XLEN', 'events'])).toBeLessThan(400);
  });

  it('writes the recorded statistics with their expiries, and lets those of ended kernels expire', async () => {
    const sink = new RedisStatistics(stat, 'i-vector01');
    for (const round of statistics.rounds) {
      const recorded = (key: string): Buffer => {
        const held = (round.redis as Record<string, { value_hex?: string; hex?: string }>)[key];
        return bytes(held?.value_hex ?? held?.hex ?? '');
      };
      await sink.writeNode(recorded('i-vector01'));
      await sink.writeKernels(new Map([[kernel, recorded(kernel)]]));
      await sink.writeProcesses(new Map([[container, recorded(container)]]));
      for (const [key, { ttl_s: ttl }] of Object.entries(round.redis)) {
        const [value, left] = await stat.send([
          ['GET', key],
          ['TTL', key],
        ]);
        expect(value).toEqual(recorded(key));
        expect((value as Buffer).length).toBeGreaterThan(10);
        expect(left).toBe(ttl);
      }
    }
    await sink.expireKernels([kernel]);
    expect(await stat.call(['TTL', kernel])).toBe(86_400);
    // A kernel that is restarted has last figures, and others after those.
    await sink.writeKernels(new Map([[kernel, Uint8Array.of(0x80)]]));
    expect(await stat.call(['TTL', kernel])).toBe(-1);
    await sink.writeLast(kernel, Uint8Array.of(0x80));
    expect(await stat.call(['TTL', kernel])).toBe(86_400);
  });

  it('writes the other recorded keys of database 0', async () => {
    const sink = new RedisStatistics(stat, 'i-vector01');
    await sink.writeContainerCount(3);
    await sink.writeCommitting([kernel]);
    await sink.writeDeviceMetadata(new Map(Object.entries(keys.computer_metadata.redis['computer.metadata'].hash)));
    await stat.call(['HSET', 'abuse_report', 'of-another-agent', 'detected', 'over', 'detected']);
    await sink.writeAbuse(new Map([[kernel, 'detected']]), ['over']);
    expect(await stat.call(['GET', 'container_count.i-vector01'])).toEqual(Buffer.from('3'));
    expect(await stat.call(['GET', `kernel.${kernel}.commit`])).toEqual(Buffer.from('ongoing'));
    expect(await stat.call(['TTL', `kernel.${kernel}.commit`])).toBe(13);
    const hash = async (key: string): Promise<unknown> => {
      const flat = ((await stat.call(['HGETALL', key])) as readonly Buffer[]).map(String);
      return Object.fromEntries(flat.flatMap((name, at) => (at % 2 === 0 ? [[name, flat[at + 1]]] : [])));
    };
    expect(await hash('computer.metadata')).toEqual(keys.computer_metadata.redis['computer.metadata'].hash);
    expect(await hash('abuse_report')).toEqual({ [kernel]: 'detected', 'of-another-agent': 'detected' });
  });

  it('keeps the log of a container as recorded, once however often it is stored, and nothing of an empty one', async () => {
    const options = { link: stream, containerId: container, chunkBytes: logs.chunk_size_used_here };
    const [held] = Object.values(logs.redis);
    expect(await storeContainerLog(inPieces(logs.fragments_hex), options)).toBe(held?.list_hex.length);
    await storeContainerLog(inPieces(logs.fragments_hex), options);
    const list = (await stream.call(['LRANGE', `containerlog.${container}`, '0', '-1'])) as readonly Buffer[];
    expect(list.map((chunk) => chunk.toString('hex'))).toEqual(held?.list_hex);
    expect(await stream.call(['TTL', `containerlog.${container}`])).toBe(3600);
    expect(await storeContainerLog(inPieces([]), { ...options, containerId: '0'.repeat(64) })).toBe(0);
    expect(await stream.call(['DBSIZE'])).toBe(1);
  });

  it('records background tasks as recorded', async () => {
    const records = new BackgroundTaskRecords(stream);
    const at = 1_730_000_000_250;
    expect(bgtasks.cases.length).toBeGreaterThan(1);
    for (const { task_id: id, hash_at_end: end } of bgtasks.cases) {
      const recorded = (end as unknown as Record<string, { hash: Record<string, string> }>)[`bgtask.${id}`]?.hash ?? {};
      await records.start(id, at);
      const [current, total] = [Number(recorded['current']), Number(recorded['total'])];
      if (total > 0) await records.progress(id, { current, total, message: 'Committing' }, at);
      await records.end(id, recorded['status'] as 'done' | 'cancelled' | 'failed', recorded['msg'] ?? '', at);
      const flat = ((await stream.call(['HGETALL', `bgtask.${id}`])) as readonly Buffer[]).map(String);
      const hash = Object.fromEntries(
        flat.flatMap((name, index) => (index % 2 === 0 ? [[name, flat[index + 1]]] : [])),
      );
      expect(hash).toEqual(recorded);
      expect(await stream.call(['TTL', `bgtask.${id}`])).toBe(86_400);
    }
  });

  it('reads the events it is asked for from now on, over cut connections, and from a server that came back empty', async () => {
    await using own = await startRedis();
    await using proxy = await TcpProxy.start(own.port);
    const writer = new EventWriter(own.link(4));
    await writer.add({ name: 'do_volume_mount', source: 'manager', args: bytes('9100') });
    using link = new RedisLink(settingsOf(proxy.port), 4);
    const names = new Set(['do_volume_mount']);
    const reading = readEvents({ link, names, clock, log, retryPauseMs: 100 }, within(30_000));
    let next = reading.next();
    await sleep(300);
    await writer.add({ name: 'agent_heartbeat', source: 'i-x', args: bytes('90') });
    await writer.add({ name: 'do_volume_mount', source: 'manager', args: bytes('9101') });
    expect((await next).value).toEqual({ name: 'do_volume_mount', source: 'manager', args: bytes('9101') });
    next = reading.next();
    await sleep(100);
    proxy.cut();
    await writer.add({ name: 'do_volume_mount', source: 'manager', args: bytes('9102') });
    expect((await next).value?.args).toEqual(bytes('9102'));
    next = reading.next();
    await own.process.kill();
    await own.process.start();
    await sleep(1500);
    await writer.add({ name: 'do_volume_mount', source: 'manager', args: bytes('9103') }).catch(() => {});
    await writer.add({ name: 'do_volume_mount', source: 'manager', args: bytes('9103') });
    expect((await next).value?.args).toEqual(bytes('9103'));
    await reading.return();
  });
});

describeWith(['redis-server', 'openssl'], 'Redis connections', () => {
  it('authenticates with any password, and says what is wrong with it', async () => {
    const password = 'p%40 s:/"€';
    await using redis = await startRedis({ password });
    using good = new RedisLink(settingsOf(redis.port, { password }), 2);
    expect(await good.call(['SET', 'k', Buffer.from([0, 255])])).toBe('OK');
    expect(await good.call(['GET', 'k'])).toEqual(Buffer.from([0, 255]));
    using bad = new RedisLink(settingsOf(redis.port, { password: 'no' }), 2);
    await expect(bad.call(['PING'])).rejects.toMatchObject({
      code: 'REDIS_UNAVAILABLE',
      message: expect.stringMatching(/WRONGPASS/),
    });
    using none = new RedisLink(settingsOf(redis.port), 0);
    await expect(none.call(['PING'])).rejects.toMatchObject({ message: expect.stringMatching(/NOAUTH/) });
  });

  it('speaks TLS, and only to servers whose authority it knows unless told otherwise', async () => {
    await using folder = await ownFolder('tls');
    await using redis = await startRedis({ certificates: makeCertificates(folder.path) });
    using link = new RedisLink(redis.settings, 3);
    expect(await link.call(['PING'])).toBe('PONG');
    using unknown = new RedisLink({ ...redis.settings, tls: { verify: true, authority: null } }, 0);
    await expect(unknown.call(['PING'])).rejects.toMatchObject({ code: 'REDIS_UNAVAILABLE' });
    using careless = new RedisLink({ ...redis.settings, tls: { verify: false, authority: null } }, 0);
    expect(await careless.call(['PING'])).toBe('PONG');
  });

  it('gives up a command of a hung server in time, ends the connection, and comes back', async () => {
    await using redis = await startRedis();
    using link = new RedisLink(settingsOf(redis.port, { commandTimeoutMs: 500 }), 0);
    await link.call(['PING']);
    redis.process.freeze();
    const begun = performance.now();
    await expect(link.call(['PING'])).rejects.toMatchObject({ code: 'REDIS_UNAVAILABLE' });
    await expect(link.call(['PING'])).rejects.toMatchObject({ code: 'REDIS_UNAVAILABLE' });
    expect(performance.now() - begun).toBeLessThan(500 + 1500 + 500);
    redis.process.thaw();
    await sleep(100);
    expect(await link.call(['PING'])).toBe('PONG');
    await expect(link.call(['NO-SUCH'])).rejects.toMatchObject({ code: 'REDIS_REFUSED' });
    await link.call(['SET', 'text', 'x']);
    await expect(link.transact([['INCR', 'text']])).rejects.toMatchObject({ code: 'REDIS_REFUSED' });
    expect(
      await link.transact([
        ['SET', 'a', '1'],
        ['INCR', 'a'],
      ]),
    ).toEqual(['OK', 2]);
  });

  it('is served by a server that takes five seconds for each reply', async () => {
    await using redis = await startRedis({ password: 'x' });
    await using proxy = await TcpProxy.start(redis.port);
    proxy.mode = { kind: 'slow', delayMs: 5000 };
    using link = new RedisLink(settingsOf(proxy.port, { password: 'x', commandTimeoutMs: 10_000 }), 4);
    expect(await link.call(['PING'])).toBe('PONG');
  });

  // @promise services-away
  it('beats on time whatever happens, and at once when told to', async () => {
    await using redis = await startRedis();
    await using proxy = await TcpProxy.start(redis.port);
    using link = new RedisLink(settingsOf(proxy.port, { commandTimeoutMs: 10_000 }), 4);
    let broken = false;
    const args = (): Uint8Array => {
      if (broken) throw new Error('the images cannot be listed');
      return bytes('9180');
    };
    const sender = new HeartbeatSender({
      writer: new EventWriter(link),
      agentId: 'i-one',
      intervalMs: 2000,
      args,
      clock,
      log,
    });
    const stop = new AbortController();
    const running = sender.run(stop.signal);
    const look = redis.link(4);
    await sleep(4500);
    broken = true;
    await sleep(2000);
    proxy.mode = { kind: 'slow', delayMs: 1500 };
    await sleep(6000);
    const seen = await entriesOf(look);
    expect(seen.length).toBeGreaterThanOrEqual(6);
    const gaps = seen.slice(1).map((event, index) => event.at - (seen[index]?.at ?? 0));
    expect(Math.max(...gaps)).toBeLessThan(2400);
    expect(Math.min(...gaps)).toBeGreaterThan(1600);
    expect(new Set(seen.map((event) => event.args))).toEqual(new Set(['9180']));
    proxy.mode = { kind: 'pass' };
    await sleep(1700);
    const before = (await entriesOf(look)).length;
    sender.sendNow();
    await expect.poll(async () => (await entriesOf(look)).length, { timeout: 1500 }).toBe(before + 1);
    await redis.process.kill();
    await sleep(2500);
    await redis.process.start();
    await expect.poll(async () => (await entriesOf(look).catch(() => [])).length, { timeout: 4000 }).toBeGreaterThan(0);
    stop.abort();
    await running;
  });

  it('finds the new master after a failover, and heartbeats and commands go on', async () => {
    const password = 'secret word'.replace(' ', '-');
    await using master = await startRedis({ password });
    await using replica = await startRedis({ password, replicaOf: master.port });
    await using sentinels = await startSentinels(3, { port: master.port, service: 'mymaster', password });
    const addresses = [1, ...sentinels.ports].map((port) => ({ host: '127.0.0.1', port }));
    const place = { kind: 'sentinel', sentinels: addresses, service: 'mymaster', password } as const;
    const settings = settingsOf(0, { place, password });
    using link = new RedisLink(settings, 4);
    const writer = new EventWriter(link);
    await writer.add({ name: 'one', source: 's', args: bytes('90') });
    using wrong = new RedisLink({ ...settings, place: { ...place, service: 'other' } }, 4);
    await expect(wrong.call(['PING'])).rejects.toMatchObject({
      code: 'REDIS_UNAVAILABLE',
      message: expect.stringMatching(/"other"/),
    });
    const look = replica.link(4);
    await expect.poll(async () => (await entriesOf(look)).length, { timeout: 20_000 }).toBe(1);
    await expect(look.call(['SET', 'a', 'b'])).rejects.toMatchObject({
      code: 'REDIS_UNAVAILABLE',
      message: expect.stringMatching(/READONLY/),
    });
    const sender = new HeartbeatSender({
      writer,
      agentId: 'i-one',
      intervalMs: 1000,
      args: () => bytes('9180'),
      clock,
      log,
    });
    const stop = new AbortController();
    const running = sender.run(stop.signal);
    await sleep(3000);
    await master.process.kill();
    const done = performance.now();
    await expect
      .poll(
        () =>
          writer.add({ name: 'two', source: 's', args: bytes('90') }).then(
            () => 'added',
            () => 'not yet',
          ),
        { timeout: 60_000 },
      )
      .toBe('added');
    console.log(`failover took ${Math.round(performance.now() - done)} ms`);
    const sofar = (await entriesOf(look)).length;
    await expect.poll(async () => (await entriesOf(look)).length, { timeout: 10_000 }).toBeGreaterThan(sofar + 1);
    stop.abort();
    await running;
  });
});
