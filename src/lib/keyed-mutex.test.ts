import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { KeyedMutex } from './keyed-mutex.ts';

describe('KeyedMutex', () => {
  it('runs holders of one key one after the other, in order of arrival', async () => {
    const mutex = new KeyedMutex<string>();
    const log: string[] = [];
    const work = (name: string) =>
      mutex.run('k', async () => {
        log.push(`${name} in`);
        await delay(2);
        log.push(`${name} out`);
      });
    await Promise.all([work('a'), work('b'), work('c')]);
    expect(log).toEqual(['a in', 'a out', 'b in', 'b out', 'c in', 'c out']);
    expect(mutex.heldKeys).toBe(0);
  });

  it('runs different keys side by side', async () => {
    const mutex = new KeyedMutex<number>();
    using _first = await mutex.acquire(1);
    using _second = await mutex.acquire(2);
    expect(mutex.heldKeys).toBe(2);
  });

  it('frees the key when the operation throws', async () => {
    const mutex = new KeyedMutex<string>();
    await expect(mutex.run('k', () => Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect(mutex.isHeld('k')).toBe(false);
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
    expect(mutex.heldKeys).toBe(0);
  });

  it('lets nobody in twice when a holder is disposed twice', async () => {
    const mutex = new KeyedMutex<string>();
    const first = await mutex.acquire('k');
    const second = mutex.acquire('k');
    first[Symbol.dispose]();
    first[Symbol.dispose]();
    const holder = await second;
    expect(mutex.isHeld('k')).toBe(true);
    holder[Symbol.dispose]();
    expect(mutex.isHeld('k')).toBe(false);
  });
});
