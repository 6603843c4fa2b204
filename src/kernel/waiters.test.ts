import { describe, expect, it } from 'vitest';
import { Waiters } from './waiters.ts';

describe('waiters', () => {
  it('answers all of one kind together and leaves the others waiting', async () => {
    const waiters = new Waiters<'a' | 'b', number>();
    const both = Promise.all([waiters.wait('a'), waiters.wait('a')]);
    const other = waiters.wait('b');
    waiters.resolve('a', 1);
    expect(await both).toEqual([1, 1]);
    waiters.resolve('a', 2);
    waiters.reject('b', new Error('no'));
    await expect(other).rejects.toThrow('no');
  });

  it('fails whoever waits or comes later, once closed', async () => {
    const waiters = new Waiters<'a' | 'b', number>();
    const waiting = waiters.wait('a').catch((error: unknown) => error);
    waiters.close(new Error('stopping'));
    expect(await waiting).toMatchObject({ message: 'stopping' });
    expect(() => waiters.wait('b')).toThrow('stopping');
  });

  it('takes no more than a bounded number', async () => {
    const waiters = new Waiters<'a', number>();
    const waiting = Array.from({ length: 1_000 }, () => waiters.wait('a'));
    expect(() => waiters.wait('a')).toThrow(expect.objectContaining({ code: 'OVERLOADED' }));
    waiters.resolve('a', 1);
    await Promise.all(waiting);
  });
});
