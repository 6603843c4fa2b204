import { expect, it } from 'vitest';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { checkHealth } from './node.ts';

it('asks side by side, and waits for nothing that hangs', async () => {
  const clock = new FakeClock(1000);
  const asked = checkHealth(
    '1.0',
    {
      good: async () => 'whatever',
      bad: async () => {
        throw new Error('connection refused');
      },
      hung: () => new Promise(() => {}),
    },
    clock,
  );
  await clock.advance(3_000);
  expect(await asked).toEqual({
    version: '1.0',
    checks: [
      { service: 'good', at: 1000, problem: null },
      { service: 'bad', at: 1000, problem: expect.stringContaining('connection refused') },
      { service: 'hung', at: 4000, problem: 'the answer of hung took longer than 3000 ms' },
    ],
  });
  expect(clock.pending).toBe(0);
});
