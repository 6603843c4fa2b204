import { expect, it } from 'vitest';
import { MemoryRedis } from '../../../test/support/cluster/memory-redis.ts';
import { FakeClock } from '../../../test/support/fake-clock.ts';
import { sleep } from '../../lib/clock.ts';
import { KerneletError } from '../../lib/errors.ts';
import { silentLogger } from '../../lib/log.ts';
import { BackgroundTaskRecords } from '../redis/task-records.ts';
import { BackgroundTasks, type BackgroundTasksParts, type TaskNote } from './background-tasks.ts';

function fixture(change: Partial<BackgroundTasksParts> = {}, left: Record<string, TaskNote> = {}) {
  const clock = new FakeClock();
  const redis = new MemoryRedis();
  const published: string[] = [];
  const names = new Set<string>();
  const all = new Map(Object.entries(left));
  const tasks = new BackgroundTasks({
    records: new BackgroundTaskRecords(redis),
    publish: (name, { task, message }, once) => {
      if (once !== undefined && names.has(once)) return;
      if (once !== undefined) names.add(once);
      published.push(`${name} ${task} ${message}`);
    },
    hasPublished: (once) => names.has(once),
    freeName: (once) => void names.delete(once),
    notes: { all, put: async (name, note) => void all.set(name, note), remove: async (name) => void all.delete(name) },
    clock,
    log: silentLogger,
    ...change,
  });
  const record = (id: string) => Object.fromEntries(redis.keys.get(`bgtask.${id}`)?.value as Map<string, string>);
  return { clock, redis, published, names, all, tasks, record };
}

it('has a record and a note before its id is known, and begins after that', async () => {
  const { tasks, record, all, clock, published, names } = fixture();
  let begun = false;
  const id = await tasks.begin('a test', async () => {
    begun = true;
    return 'the text';
  });
  expect(begun).toBe(false);
  expect(record(id)).toMatchObject({ status: 'started', current: '0', total: '0', msg: '' });
  expect([...all]).toEqual([[id, { what: 'a test' }]]);
  await clock.advance(900);
  // The manager may not listen yet.
  expect([begun, published]).toEqual([true, []]);
  await clock.advance(100);
  expect(record(id)).toMatchObject({ status: 'done', msg: 'the text', last_update: '1700000001' });
  expect(published).toEqual([`bgtask_done ${id} the text`]);
  expect([all.size, tasks.size, names.size, clock.pending]).toEqual([0, 0, 0, 0]);
});

it('says what failed, also when that happens at once', async () => {
  const { tasks, record, clock, published } = fixture();
  const id = await tasks.begin('a test', async () => {
    throw new KerneletError('ENGINE_FAILED', 'the engine refused');
  });
  await clock.advance(999);
  expect(published).toEqual([]);
  await clock.advance(1);
  expect(record(id)).toMatchObject({ status: 'failed', msg: 'the engine refused' });
  expect(published).toEqual([`bgtask_failed ${id} the engine refused`]);
});

it('says how far it is, once a second at most', async () => {
  const { tasks, record, clock, published } = fixture();
  const id = await tasks.begin('a test', async (progress) => {
    for (let step = 1; step <= 5; step += 1) {
      progress(step, 5, `step ${step}`);
      await sleep(clock, 600);
    }
    return '';
  });
  await clock.advance(2_900);
  expect(published).toEqual([1, 3, 5].map((step) => `bgtask_updated ${id} step ${step}`));
  await clock.advance(3_000);
  expect(record(id)).toMatchObject({ current: '5', total: '5' });
  expect(published.at(-1)).toBe(`bgtask_done ${id} `);
});

it('publishes the end of a task also when its record cannot be written, and begins none without a record', async () => {
  const down = new KerneletError('REDIS_UNAVAILABLE', 'no Redis');
  const failing = async (): Promise<never> => {
    throw down;
  };
  const late = fixture({ records: { start: async () => {}, progress: failing, end: failing } });
  const id = await late.tasks.begin('a test', async (progress) => {
    progress(1, 2, 'lost');
    return '';
  });
  await late.clock.advance(20_000);
  expect(late.published).toEqual([]);
  await late.clock.advance(20_000);
  expect(late.published).toEqual([`bgtask_done ${id} `]);
  const never = fixture({ records: { start: failing, progress: failing, end: failing } });
  await expect(never.tasks.begin('a test', () => Promise.reject(new Error('it ran')))).rejects.toBe(down);
  await never.clock.advance(2_000);
  expect([never.published, never.tasks.size, never.all.size]).toEqual([[], 0, 0]);
});

// @promise orders-finished
it('cancels what is under way at a stop, and reports what an earlier process left', async () => {
  const { tasks, record, published, clock } = fixture({}, { 'of-before': { what: 'the commit of a kernel' } });
  await clock.advance(0);
  const words = 'the agent was restarted during the commit of a kernel';
  expect(published).toEqual([`bgtask_failed of-before ${words}`]);
  expect(record('of-before')).toMatchObject({ status: 'failed', msg: words });
  const id = await tasks.begin(
    'a test',
    (_, signal) => new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
  );
  await clock.advance(100);
  await tasks[Symbol.asyncDispose]();
  expect(record(id)).toMatchObject({ status: 'cancelled' });
  expect(published.at(-1)).toBe(`bgtask_cancelled ${id} the agent is shutting down`);
  await expect(tasks.begin('a test', async () => '')).rejects.toThrow('shutting down');
  expect(clock.pending).toBe(0);
});

it('publishes nothing of a task whose end an earlier process has published, and forgets it', async () => {
  const freed: string[] = [];
  const options = {
    hasPublished: (once: string) => once === 'task a',
    freeName: (once: string) => void freed.push(once),
  };
  const { tasks, all, published, clock, redis } = fixture(options, { a: { what: 'a test' }, b: { what: 'another' } });
  await clock.advance(0);
  await expect.poll(() => all.size).toBe(0);
  expect(published).toEqual(['bgtask_failed b the agent was restarted during another']);
  expect([freed.toSorted(), tasks.size]).toEqual([['task a', 'task b'], 0]);
  expect(redis.keys.has('bgtask.a')).toBe(false);
});
