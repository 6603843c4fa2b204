import { afterEach, expect, it } from 'vitest';
import { countGarbageCollections } from '../../test/support/garbage-collections.ts';
import { collectEvery } from './buffer-garbage.ts';

const before = globalThis.gc;
afterEach(() => {
  globalThis.gc = before;
});

it('garbage is collected by the amount of output, where Node allows it', () => {
  const megabyte = 1024 * 1024;
  const collections = countGarbageCollections();
  const outputPassed = collectEvery(4 * megabyte);
  for (let passed = 0; passed < 40; passed += 1) outputPassed(megabyte);
  expect(collections()).toBe(10);
  globalThis.gc = undefined;
  for (let passed = 0; passed < 8; passed += 1) outputPassed(megabyte);
});
