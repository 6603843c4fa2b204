import { afterEach, expect, it } from 'vitest';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { outputPassed, startIsOver } from './collect-garbage.ts';

const before = globalThis.gc;
afterEach(() => {
  globalThis.gc = before;
});

it('garbage is collected by the amount of output, where Node allows it', () => {
  const megabyte = 1024 * 1024;
  let collections = 0;
  globalThis.gc = (async () => {
    collections += 1;
  }) as NonNullable<typeof globalThis.gc>;
  for (let passed = 0; passed < 40; passed += 1) outputPassed(megabyte);
  expect(collections).toBe(10);
  globalThis.gc = undefined;
  for (let passed = 0; passed < 8; passed += 1) outputPassed(megabyte);
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
