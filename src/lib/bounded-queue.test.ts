import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BoundedQueue } from './bounded-queue.ts';

async function settled(promise: Promise<unknown>): Promise<boolean> {
  const pending = Symbol();
  for (let turn = 0; turn < 5; turn += 1) await Promise.resolve();
  return (await Promise.race([promise, Promise.resolve(pending)])) !== pending;
}

describe('BoundedQueue', () => {
  it('delivers in order and ends after close', async () => {
    const queue = new BoundedQueue<number>({ capacity: 10 });
    for (const item of [1, 2, 3]) await queue.push(item);
    queue.close();
    const seen: number[] = [];
    for await (const item of queue) seen.push(item);
    expect(seen).toEqual([1, 2, 3]);
    await expect(queue.push(4)).rejects.toMatchObject({ code: 'CANCELLED' });
    expect(queue.tryPush(4)).toBe(false);
  });

  it('holds writers back while it is full', async () => {
    const queue = new BoundedQueue<number>({ capacity: 2 });
    await queue.push(1);
    await queue.push(2);
    const third = queue.push(3);
    expect(queue.tryPush(4)).toBe(false);
    expect(await settled(third)).toBe(false);
    expect(await queue.next()).toEqual({ done: false, value: 1 });
    await third;
    expect(queue.size).toBe(2);
  });

  it('weighs items and lets a too heavy one in alone', async () => {
    const queue = new BoundedQueue<Uint8Array>({ capacity: 100, weigh: (chunk) => chunk.length });
    await queue.push(new Uint8Array(500));
    expect(queue.weight).toBe(500);
    const next = queue.push(new Uint8Array(1));
    expect(await settled(next)).toBe(false);
    await queue.next();
    await next;
    expect(queue.weight).toBe(1);
  });

  it('hands a failure to readers after the items, and to writers at once', async () => {
    const queue = new BoundedQueue<number>({ capacity: 1 });
    await queue.push(1);
    const blocked = queue.push(2);
    queue.fail(new Error('gone'));
    await expect(blocked).rejects.toThrow('gone');
    expect(await queue.next()).toEqual({ done: false, value: 1 });
    await expect(queue.next()).rejects.toThrow('gone');
  });

  it('lets waiting readers and writers go when their signal aborts', async () => {
    const queue = new BoundedQueue<number>({ capacity: 1 });
    const controller = new AbortController();
    const reading = queue.next(controller.signal);
    controller.abort(new Error('stop'));
    await expect(reading).rejects.toThrow('stop');
    await queue.push(1);
    const second = new AbortController();
    const writing = queue.push(2, second.signal);
    const third = queue.push(3);
    second.abort(new Error('stop'));
    await expect(writing).rejects.toThrow('stop');
    expect((await queue.next()).value).toBe(1);
    await third;
    expect((await queue.next()).value).toBe(3);
  });

  it('refuses waiting writers when the reader leaves its loop', async () => {
    const queue = new BoundedQueue<number>({ capacity: 1, name: 'log' });
    await queue.push(1);
    const blocked = queue.push(2);
    for await (const _item of queue) {
      break;
    }
    await blocked.catch(() => {});
    await expect(queue.push(3)).rejects.toThrow('the log is closed');
  });

  it('neither loses nor reorders nor exceeds its bound, whatever the mix of reads and writes', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 5 }),
        fc.array(fc.boolean(), { maxLength: 60 }),
        async (capacity, plan) => {
          const queue = new BoundedQueue<number>({ capacity });
          const writes: Promise<void>[] = [];
          const reads: Promise<IteratorResult<number, undefined>>[] = [];
          for (const write of plan) {
            if (write) writes.push(queue.push(writes.length));
            else reads.push(queue.next());
            expect(queue.size).toBeLessThanOrEqual(capacity);
          }
          while (reads.length < writes.length) reads.push(queue.next());
          const values = (await Promise.all(reads.slice(0, writes.length))).map((result) => result.value);
          expect(values).toEqual(writes.map((_, index) => index));
          await Promise.all(writes);
          queue.close();
          for (const late of reads.slice(writes.length)) expect((await late).done).toBe(true);
        },
      ),
    );
  });
});
