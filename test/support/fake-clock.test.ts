import { describe, expect, it } from 'vitest';
import { sleep } from '../../src/lib/clock.ts';
import { withDeadline } from '../../src/lib/deadline.ts';
import { FakeClock } from './fake-clock.ts';

describe('FakeClock', () => {
  it('fires timers in order of their time, each at its own time', async () => {
    const clock = new FakeClock(1000);
    const log: string[] = [];
    clock.after(20, () => log.push(`b at ${clock.now()}`));
    clock.after(10, () => log.push(`a at ${clock.now()}`));
    clock.after(20, () => log.push(`c at ${clock.now()}`));
    clock.after(31, () => log.push('late'));
    await clock.advance(30);
    expect(log).toEqual(['a at 1010', 'b at 1020', 'c at 1020']);
    expect(clock.monotonic()).toBe(30);
    expect(clock.pending).toBe(1);
  });

  it('fires timers that are set while it moves', async () => {
    const clock = new FakeClock();
    let rounds = 0;
    const loop = async (): Promise<void> => {
      while (rounds < 3) {
        await sleep(clock, 10);
        rounds += 1;
      }
    };
    const looping = loop();
    await clock.advance(30);
    await looping;
    expect(rounds).toBe(3);
  });

  it('does not fire a disposed timer', async () => {
    const clock = new FakeClock();
    let fired = false;
    clock
      .after(5, () => {
        fired = true;
      })
      [Symbol.dispose]();
    await clock.advance(10);
    expect(fired).toBe(false);
  });

  it('drives deadlines', async () => {
    const clock = new FakeClock();
    const outcome = withDeadline({ what: 'the test', timeoutMs: 50, clock }, () => new Promise<never>(() => {})).catch(
      (error: unknown) => error,
    );
    await clock.advance(50);
    expect(await outcome).toMatchObject({ code: 'DEADLINE_EXCEEDED', message: 'the test took longer than 50 ms' });
    expect(clock.pending).toBe(0);
  });
});
