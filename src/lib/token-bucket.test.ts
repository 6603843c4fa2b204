import fc from 'fast-check';
import { expect, it } from 'vitest';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { TokenBucket } from './token-bucket.ts';

it('lets a burst through, then its rate, and no more after a pause than the burst', async () => {
  const clock = new FakeClock();
  const bucket = new TokenBucket({ clock, burst: 3, perSecond: 2 });
  const taken = (tries: number): number => Array.from({ length: tries }, () => bucket.take()).filter(Boolean).length;
  expect(taken(10)).toBe(3);
  await clock.advance(499);
  expect(taken(10)).toBe(0);
  await clock.advance(1);
  expect(taken(10)).toBe(1);
  await clock.advance(60_000);
  expect(taken(10)).toBe(3);
});

it('takes nothing of what it refuses, and holds no more than the burst of what is given', () => {
  const bucket = new TokenBucket({ clock: new FakeClock(), burst: 3, perSecond: 0 });
  expect([bucket.take(4), bucket.take(3), bucket.take()]).toEqual([false, true, false]);
  bucket.give(100);
  expect([bucket.take(4), bucket.take(3)]).toEqual([false, true]);
});

it('lets through no more than its burst and its rate, whatever is asked of it when', async () => {
  const asked = fc.array(fc.tuple(fc.nat(3_000), fc.nat(5)), { maxLength: 50 });
  await fc.assert(
    fc.asyncProperty(asked, fc.integer({ min: 5, max: 20 }), fc.nat(10), async (steps, burst, perSecond) => {
      const clock = new FakeClock();
      const bucket = new TokenBucket({ clock, burst, perSecond });
      let taken = 0;
      for (const [pauseMs, amount] of steps) {
        await clock.advance(pauseMs);
        if (bucket.take(amount)) taken += amount;
        expect(taken).toBeLessThanOrEqual(burst + (clock.monotonic() / 1000) * perSecond + 1e-6);
      }
    }),
  );
});
