import { afterEach, expect, it } from 'vitest';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { startIsOver } from './collect-garbage.ts';

const before = globalThis.gc;
afterEach(() => {
  globalThis.gc = before;
});

it('what the start left is collected once, a little later', async () => {
  const asked: unknown[] = [];
  globalThis.gc = (async (options: unknown) => {
    asked.push(options);
  }) as NonNullable<typeof globalThis.gc>;
  const clock = new FakeClock();
  startIsOver(clock);
  expect(asked).toEqual([]);
  await clock.advance(60_000);
  expect(asked).toEqual([{ type: 'major', flavor: 'last-resort' }]);
});
