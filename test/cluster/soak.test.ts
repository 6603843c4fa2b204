import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { Member } from '../support/cluster/member.ts';
import { describeCluster } from '../support/cluster/services.ts';
import type { SimulationOptions } from '../support/cluster/simulated-member.ts';
import { byDepth } from '../support/depth.ts';
import { Lateness } from '../support/lateness.ts';
import { eventually } from '../support/node-facts.ts';

/** At night more end than are remembered after their end, whose memory is no leak. */
const minutes = byDepth({ quick: 0.5, full: 2, nightly: 13 });
const perMinute = 100;
const heartbeatS = 2;
/** Of a heartbeat, beside what the machine makes late. */
const latenessMs = 500;
const small = { resource_slots: { cpu: '1', mem: '33554432' }, resource_opts: {} };
const image = 'kernelet/base:latest';

describeCluster('a member of a cluster, with its engine in memory', (services) => {
  const joined = (id: string, simulation: SimulationOptions): Promise<Member> =>
    Member.joined({
      id,
      etcdPort: services.etcd.port,
      stream: services.stream,
      heartbeatS,
      portRange: [30_100, 30_999],
      simulation,
    });

  /** The longest time between two heartbeats, in milliseconds. */
  const maxGap = async (member: Member): Promise<number> => {
    const beats = (await member.events('agent_heartbeat')).map(({ at }) => at);
    return Math.max(...beats.slice(1).map((at, index) => at - (beats[index] ?? 0)));
  };

  // @promise nothing-leaks, steady
  it(`creates and destroys ${perMinute} kernels a minute for ${minutes} minutes, on time and without growing`, {
    timeout: (minutes + 2) * 60_000,
  }, async () => {
    using machine = new Lateness();
    await using member = await joined('i-soak', {});
    const heap: number[] = [];
    const lives: Promise<void>[] = [];
    const failures: unknown[] = [];
    const life = async (): Promise<void> => {
      const kernel = await member.create(small, image);
      expect(await member.execute(kernel, 'hello')).toBe('hello\n');
      await member.destroy(kernel);
    };
    const total = Math.round(minutes * perMinute);
    for (let count = 0; count < total; count += 1) {
      lives.push(life().catch((error: unknown) => void failures.push(error)));
      await sleep(60_000 / perMinute);
      if (count % 10 === 9) heap.push((await member.order({ order: 'begin' })).heapBytes);
    }
    await Promise.all(lives);
    expect(failures).toEqual([]);
    await member.until('the last end', async () => (await member.events('kernel_terminated')).length >= total);
    const ends = await member.events('kernel_terminated');
    expect([ends.length, new Set(ends.map(({ args }) => args[0])).size]).toEqual([total, total]);
    expect(await maxGap(member)).toBeLessThan(heartbeatS * 1000 + latenessMs + 2 * machine.maxMs);
    // The last quarter beside the one before it: at first a process takes what it keeps.
    const most = (from: number, to: number): number => Math.max(...heap.slice(from * heap.length, to * heap.length));
    expect(most(0.75, 1) / most(0.5, 0.75)).toBeLessThan(1.05);
  });

  // @promise one-hangs-alone
  it('answers, beats and goes on while calls of its engine hang', { timeout: 120_000 }, async () => {
    using machine = new Lateness();
    await using member = await joined('i-hangs', { stepDeadlineMs: 1000 });
    const outcomes: string[] = [];
    for (const method of ['createContainer', 'startContainer', 'inspectContainer', 'removeContainer'] as const) {
      const before = await eventually('a kernel is there before', () => member.create(small, image));
      await member.order({ order: 'hang', method, times: 2 });
      const begun = performance.now();
      const [created] = await Promise.allSettled([member.create(small, image), member.destroy(before)]);
      outcomes.push(`${method} ${created.status}`);
      expect(performance.now() - begun).toBeLessThan(15_000);
      expect(await member.client.ping(1000)).toBe(true);
      const after = await eventually('kernels are made again', () => member.create(small, image));
      expect(await member.execute(after, 'again')).toBe('again\n');
      await member.destroy(after);
    }
    expect(outcomes).toContain('createContainer rejected');
    expect(await maxGap(member)).toBeLessThan(heartbeatS * 1000 + latenessMs + 2 * machine.maxMs);
  });
});
