import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { Outbox } from '../../src/backendai/events/outbox.ts';
import { SequencedAppender, sequenceKey } from '../../src/backendai/redis/event-stream.ts';
import { RedisLink } from '../../src/backendai/redis/link.ts';
import { systemClock as clock } from '../../src/lib/clock.ts';
import { silentLogger as log } from '../../src/lib/log.ts';
import { StateWrites } from '../../src/lib/state-writes.ts';
import { describeWith } from '../support/cluster/programs.ts';
import { startRedis, type TestRedis } from '../support/cluster/redis-server.ts';
import { settingsOf } from '../support/cluster/redis-settings.ts';
import { ownFolder } from '../support/cluster/server-process.ts';
import { entriesOf } from '../support/cluster/stream.ts';
import { TcpProxy } from '../support/cluster/tcp-proxy.ts';
import { within } from '../support/cluster/within.ts';
import { byDepth } from '../support/depth.ts';

const program = path.resolve(import.meta.dirname, '..', 'support', 'cluster', 'outbox-child.ts');
const kernels = 5;

interface Child extends AsyncDisposable {
  readonly process: ChildProcess;
  /** The last number that it said it has posted; -1: none. */
  posted(): number;
  readonly settled: Promise<boolean>;
}

function startChild(file: string, port: number, count: number, pauseMs: number, first: number): Child {
  const args = [file, port, kernels, count, pauseMs, first].map(String);
  const child = spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout?.on('data', (chunk: Buffer) => {
    output += chunk.toString();
  });
  const exited = once(child, 'exit');
  return {
    process: child,
    posted: () => Number([...output.matchAll(/posted (\d+)\n/g)].at(-1)?.[1] ?? -1),
    settled: exited.then(() => output.endsWith('settled\n')),
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGKILL');
      await exited;
    },
  };
}

/** The numbers that arrived, by kernel. */
async function arrived(redis: TestRedis): Promise<Map<string, number[]>> {
  const byKernel = new Map<string, number[]>();
  for (const { name, args } of await entriesOf(redis.link(4))) {
    const numbers = byKernel.get(name) ?? [];
    numbers.push(Number.parseInt(args.slice(4), 16));
    byKernel.set(name, numbers);
  }
  return byKernel;
}

/** Whether every kernel's numbers are 0 … count - 1, each once and in order, but for some that nobody was told of. */
function expectOnceEach(byKernel: ReadonlyMap<string, readonly number[]>, count: number): void {
  expect(byKernel.size).toBe(kernels);
  for (const numbers of byKernel.values())
    expect(numbers).toEqual(Array.from({ length: count }, (_, number) => number));
}

describeWith(['redis-server'], 'the outbox', () => {
  const rounds = byDepth({ quick: 4, full: 10, nightly: 100 });
  // @promise events-once
  it('delivers each event once and in order while Redis is away and the agent is killed again and again', {
    timeout: 100_000 + rounds * 5_000,
  }, async () => {
    await using folder = await ownFolder('outbox');
    await using redis = await startRedis();
    await using proxy = await TcpProxy.start(redis.port);
    const file = path.join(folder.path, 'outbox.jsonl');
    const perRound = 40;
    let next = 0;
    /** Numbers that were posted in part when the process was killed, and again by the next one. */
    const postedTwice = new Set<number>();
    for (let round = 0; round < rounds; round += 1) {
      const goal = (round + 1) * perRound;
      await using child = startChild(file, proxy.port, goal + 1000, 2, next);
      await expect.poll(() => child.posted(), { timeout: 20_000, interval: 5 }).toBeGreaterThanOrEqual(next + 10);
      // Replies are lost, then everything is, then all is well: the kill falls into any of it.
      proxy.mode = [{ kind: 'pass' }, { kind: 'slow', delayMs: 25 }, { kind: 'half-open' }][
        round % 3
      ] as typeof proxy.mode;
      await expect.poll(() => child.posted(), { timeout: 20_000, interval: 5 }).toBeGreaterThanOrEqual(goal);
      child.process.kill('SIGKILL');
      await child.settled;
      next = child.posted() + 1;
      postedTwice.add(next);
      proxy.mode = { kind: 'pass' };
      proxy.cut();
    }
    await using child = startChild(file, proxy.port, next + 20, 1, next);
    expect(await child.settled).toBe(true);
    for (const [, numbers] of await arrived(redis)) {
      const repeated = numbers.filter((number, index) => numbers.indexOf(number) !== index);
      expect(repeated.filter((number) => !postedTwice.has(number))).toEqual([]);
      expect([...new Set(numbers)]).toEqual(Array.from({ length: next + 20 }, (_, number) => number));
    }
  });

  it('delays events while Redis is down, and loses and repeats none', async () => {
    await using folder = await ownFolder('outbox');
    await using redis = await startRedis();
    await redis.process.kill();
    const file = path.join(folder.path, 'outbox.jsonl');
    const outageMs = byDepth({ quick: 5_000, full: 60_000, nightly: 600_000 });
    const count = 200;
    {
      await using child = startChild(file, redis.port, count, 5, 0);
      await expect.poll(() => child.posted(), { timeout: 20_000 }).toBe(count - 1);
      child.process.kill('SIGKILL');
      await child.settled;
    }
    await using child = startChild(file, redis.port, count, 1, count);
    await sleep(outageMs);
    await redis.process.start();
    expect(await child.settled).toBe(true);
    expectOnceEach(await arrived(redis), count);
  }, 700_000);

  it('appends a batch once though its reply was lost', async () => {
    await using redis = await startRedis();
    using link = new RedisLink(settingsOf(redis.port), 4);
    const appender = new SequencedAppender(link, 'i-one');
    const events = [1, 2, 3].map((n) => ({ name: `e${n}`, source: 's', args: Buffer.from([0x90]) }));
    expect(await appender.append({ series: 'a', first: 1, events: [] })).toEqual({ last: 0 });
    expect(await appender.append({ series: 'a', first: 1, events })).toEqual({ last: 3 });
    expect(await appender.append({ series: 'a', first: 1, events })).toEqual({ last: 3 });
    expect(await appender.append({ series: 'a', first: 3, events })).toEqual({ last: 5 });
    expect((await entriesOf(link)).map(({ name }) => name)).toEqual(['e1', 'e2', 'e3', 'e2', 'e3']);
    expect(await appender.append({ series: 'b', first: 1, events })).toEqual({ last: 3 });
    expect(await link.call(['HGET', sequenceKey('i-one'), 'series'])).toEqual(Buffer.from('b'));
  });

  it('begins a new series when the server is ahead of its file', async () => {
    await using folder = await ownFolder('outbox');
    await using redis = await startRedis();
    using link = new RedisLink(settingsOf(redis.port), 4);
    const target = new SequencedAppender(link, 'i-one');
    const file = path.join(folder.path, 'outbox.jsonl');
    const { series } = JSON.parse((await openAndRead(file, target)).split('\n')[0] ?? '{}') as { series: string };
    const foreign = Array.from({ length: 7 }, () => ({ name: 'old', source: 's', args: Buffer.from([0x90]) }));
    await target.append({ series, first: 1, events: foreign });
    await using outbox = new Outbox(file, { target, writes: new StateWrites(), clock, log });
    const stop = new AbortController();
    const running = outbox.run(stop.signal);
    outbox.post({ name: 'old too', source: 's', args: Buffer.from([0x90]) });
    await outbox.settled(within(5000));
    for (const name of ['new 1', 'new 2']) outbox.post({ name, source: 's', args: Buffer.from([0x90]) });
    await outbox.settled(within(5000));
    stop.abort();
    await running;
    expect((await entriesOf(link)).slice(7).map(({ name }) => name)).toEqual(['old too', 'new 1', 'new 2']);
  });
});

async function openAndRead(file: string, target: SequencedAppender): Promise<string> {
  const { readFile } = await import('node:fs/promises');
  await using _ = new Outbox(file, { target, writes: new StateWrites(), clock, log });
  return await readFile(file, 'utf8');
}
