import { describe, expect, it } from 'vitest';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { silentLogger } from './log.ts';
import { Backoff, retryForever, runPeriodically, supervise } from './retry.ts';

describe('Backoff', () => {
  it('grows by its factor up to its maximum and begins again after a reset', () => {
    const backoff = new Backoff({ initialMs: 100, maximumMs: 500, jitter: 0 });
    expect([1, 2, 3, 4, 5].map(() => backoff.nextMs())).toEqual([100, 200, 400, 500, 500]);
    backoff.reset();
    expect(backoff.nextMs()).toBe(100);
  });

  it('keeps its first pauses steady where it is told to', () => {
    const backoff = new Backoff({ initialMs: 10, maximumMs: 100, steadyPauses: 3, factor: 3, jitter: 0 });
    expect([1, 2, 3, 4, 5, 6].map(() => backoff.nextMs())).toEqual([10, 10, 10, 30, 90, 100]);
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

describe('retryForever', () => {
  it('repeats what fails, with pauses, until it succeeds', async () => {
    const clock = new FakeClock();
    let attempts = 0;
    const done = retryForever(
      { what: 'it', clock, log: silentLogger, signal: new AbortController().signal },
      async () => {
        attempts += 1;
        if (attempts < 4) throw new Error('not yet');
        return attempts;
      },
    );
    await clock.advance(100);
    expect(attempts).toBe(1);
    await clock.advance(4000);
    expect(await done).toBe(4);
    expect(clock.pending).toBe(0);
  });

  it('ends with the reason of its signal, during a pause and before an attempt', async () => {
    const clock = new FakeClock();
    const stop = new AbortController();
    const options = { what: 'it', clock, log: silentLogger, signal: stop.signal };
    const failing = retryForever(options, () => Promise.reject(new Error('no')));
    await clock.advance(0);
    stop.abort(new Error('enough'));
    await expect(failing).rejects.toThrow('enough');
    await expect(retryForever(options, async () => 1)).rejects.toThrow('enough');
    expect(clock.pending).toBe(0);
  });
});

describe('supervise', () => {
  const work = (clock: FakeClock, signal: AbortSignal) => ({ what: 'it', clock, log: silentLogger, signal });

  it('starts a job again that has failed or ended, after pauses that grow to 30 s, until its signal aborts', async () => {
    const clock = new FakeClock();
    const stop = new AbortController();
    const starts: number[] = [];
    const running = supervise(work(clock, stop.signal), async () => {
      starts.push(clock.monotonic());
      if (starts.length % 2 === 0) throw new Error('no');
    });
    await clock.advance(300_000);
    const pauses = starts.slice(1).map((at, index) => at - (starts[index] ?? 0));
    for (const [index, pause] of pauses.entries()) {
      const full = Math.min(30_000, 1000 * 2 ** index);
      expect(pause).toBeGreaterThanOrEqual(full / 2);
      expect(pause).toBeLessThanOrEqual(full);
    }
    expect(pauses.length).toBeGreaterThan(7);
    stop.abort();
    await running;
    expect(clock.pending).toBe(0);
  });

  it('pauses shortly again after a job that has lived long', async () => {
    const clock = new FakeClock();
    const stop = new AbortController();
    const ends: number[] = [];
    const starts: number[] = [];
    const running = supervise(work(clock, stop.signal), async () => {
      starts.push(clock.monotonic());
      if (starts.length > 5) await new Promise<void>((resolve) => clock.after(60_000, resolve));
      ends.push(clock.monotonic());
    });
    await clock.advance(200_000);
    const [end = 0, next = 0] = [ends[5], starts[6]];
    expect(next - end).toBeLessThanOrEqual(1000);
    stop.abort();
    await clock.advance(60_000);
    await running;
  });
});

describe('runPeriodically', () => {
  it('goes on after a failing round, and ends with its signal', async () => {
    const clock = new FakeClock();
    const end = new AbortController();
    let rounds = 0;
    const job = {
      name: 'test',
      pauseMs: 100,
      async round(): Promise<void> {
        rounds += 1;
        if (rounds === 1) throw new Error('once');
      },
    };
    const running = runPeriodically(job, clock, silentLogger, end.signal);
    await clock.advance(350);
    expect(rounds).toBe(3);
    end.abort();
    await running;
    expect(clock.pending).toBe(0);
  });
});
