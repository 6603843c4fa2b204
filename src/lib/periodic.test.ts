import { expect, it } from 'vitest';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { silentLogger } from './log.ts';
import { runPeriodically } from './periodic.ts';

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
