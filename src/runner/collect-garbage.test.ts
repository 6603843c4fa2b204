import { afterEach, expect, it, vi } from 'vitest';
import { outputPassed } from './collect-garbage.ts';

const before = globalThis.gc;
afterEach(() => {
  globalThis.gc = before;
});

it('collects garbage by the amount of output, where it may', () => {
  const megabyte = 1024 * 1024;
  const collect = vi.fn<NonNullable<typeof globalThis.gc>>();
  globalThis.gc = collect;
  for (let passed = 0; passed < 40; passed += 1) outputPassed(megabyte);
  expect(collect).toHaveBeenCalledTimes(10);
  globalThis.gc = undefined;
  for (let passed = 0; passed < 8; passed += 1) outputPassed(megabyte);
});
