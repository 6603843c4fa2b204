import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import { KeyedMutex, Semaphore } from './semaphore.ts';

describe('Semaphore', () => {
  it('lets so many in at once, in order, and forgets those who leave the queue', async () => {
    const semaphore = new Semaphore(2);
    const patient = new AbortController().signal;
    const ends = ['a', 'b', 'c', 'd'].map((name) => ({ name, ...Promise.withResolvers<void>() }));
    const inside: string[] = [];
    const leaving = new AbortController();
    const runs = ends.map(({ name, promise }) =>
      semaphore.run(
        async () => {
          inside.push(name);
          await promise;
        },
        name === 'c' ? leaving.signal : patient,
      ),
    );
    await Promise.resolve();
    expect(inside).toEqual(['a', 'b']);
    leaving.abort(new Error('gone'));
    await expect(runs[2]).rejects.toThrow('gone');
    ends[0]?.reject(new Error('failed'));
    await expect(runs[0]).rejects.toThrow('failed');
    await expect.poll(() => inside).toEqual(['a', 'b', 'd']);
    for (const { resolve } of ends) resolve();
    await runs[3];
    await semaphore.run(async () => void inside.push('later'), patient);
    expect(inside.at(-1)).toBe('later');
    expect(getEventListeners(patient, 'abort')).toEqual([]);
  });

  it('counts a permit once that is disposed twice', async () => {
    const semaphore = new Semaphore(1);
    const first = await semaphore.acquire();
    const order: string[] = [];
    const second = semaphore.acquire().then(() => order.push('second'));
    const third = semaphore.acquire().then(() => order.push('third'));
    first[Symbol.dispose]();
    first[Symbol.dispose]();
    await second;
    await new Promise((resolve) => setImmediate(resolve));
    expect(order).toEqual(['second']);
    void third;
  });

  it('gives no permit to a signal that has aborted', async () => {
    await expect(new Semaphore(1).acquire(AbortSignal.abort(new Error('no')))).rejects.toThrow('no');
  });
});

describe('KeyedMutex', () => {
  it('runs holders of one key one after the other, in order of arrival', async () => {
    const mutex = new KeyedMutex<string>();
    const log: string[] = [];
    const work = (name: string) =>
      mutex.run('k', async () => {
        log.push(`${name} in`);
        await new Promise((resolve) => setImmediate(resolve));
        log.push(`${name} out`);
      });
    await Promise.all([work('a'), work('b'), work('c')]);
    expect(log).toEqual(['a in', 'a out', 'b in', 'b out', 'c in', 'c out']);
  });

  it('runs different keys side by side', async () => {
    const mutex = new KeyedMutex<number>();
    using _first = await mutex.acquire(1);
    using _second = await mutex.acquire(2);
  });

  it('frees the key when the operation throws', async () => {
    const mutex = new KeyedMutex<string>();
    await expect(mutex.run('k', () => Promise.reject(new Error('no')))).rejects.toThrow('no');
    using _next = await mutex.acquire('k');
  });

  it('takes an aborted waiter out of the line and lets the others through', async () => {
    const mutex = new KeyedMutex<string>();
    const first = await mutex.acquire('k');
    const controller = new AbortController();
    const second = mutex.acquire('k', controller.signal);
    const third = mutex.acquire('k');
    controller.abort(new Error('gave up'));
    await expect(second).rejects.toThrow('gave up');
    first[Symbol.dispose]();
    (await third)[Symbol.dispose]();
    using _next = await mutex.acquire('k');
  });

  it('lets nobody in twice when a holder is disposed twice', async () => {
    const mutex = new KeyedMutex<string>();
    const first = await mutex.acquire('k');
    const second = mutex.acquire('k');
    first[Symbol.dispose]();
    first[Symbol.dispose]();
    using _holder = await second;
    let entered = false;
    void mutex.acquire('k').then(() => {
      entered = true;
    });
    await new Promise((resolve) => setImmediate(resolve));
    expect(entered).toBe(false);
  });
});
