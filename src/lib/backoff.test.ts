import { describe, expect, it } from 'vitest';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { Backoff } from './backoff.ts';

describe('Backoff', () => {
  it('grows by its factor up to its maximum and begins again after a reset', () => {
    const backoff = new Backoff({ initialMs: 100, maximumMs: 500, jitter: 0 });
    expect([1, 2, 3, 4, 5].map(() => backoff.nextMs())).toEqual([100, 200, 400, 500, 500]);
    backoff.reset();
    expect(backoff.nextMs()).toBe(100);
  });

  it('takes the jitter away from the full pause', () => {
    expect(new Backoff({ initialMs: 100, maximumMs: 500, random: () => 0 }).nextMs()).toBe(100);
    expect(new Backoff({ initialMs: 100, maximumMs: 500, random: () => 0.999 }).nextMs()).toBeCloseTo(50.05);
  });

  it('waits on the given clock', async () => {
    const clock = new FakeClock();
    const backoff = new Backoff({ initialMs: 100, maximumMs: 500, jitter: 0, clock });
    let waited = false;
    const waiting = backoff.wait().then(() => {
      waited = true;
    });
    await clock.advance(99);
    expect(waited).toBe(false);
    await clock.advance(1);
    await waiting;
    expect(waited).toBe(true);
  });

  it('stops waiting when the signal aborts', async () => {
    const clock = new FakeClock();
    const backoff = new Backoff({ initialMs: 100, maximumMs: 500, clock });
    const controller = new AbortController();
    const waiting = backoff.wait(controller.signal);
    controller.abort(new Error('stop'));
    await expect(waiting).rejects.toThrow('stop');
    expect(clock.pending).toBe(0);
  });

  it('stays finite after very many attempts', () => {
    const backoff = new Backoff({ initialMs: 100, maximumMs: 500, jitter: 0 });
    for (let attempt = 0; attempt < 5000; attempt += 1) expect(backoff.nextMs()).toBeLessThanOrEqual(500);
  });
});
