import { expect, it } from 'vitest';
import { imageBytes } from './home-disk.ts';

const mib = 2 ** 20;

it.each([16, 100, 1024, 100 * 1024])('makes the image of %i MiB a few hundredths larger, in whole blocks', (size) => {
  const bytes = imageBytes(size * mib);
  expect(bytes % 4096).toBe(0);
  expect(bytes).toBeGreaterThan(size * mib * 1.015);
  expect(bytes).toBeLessThan(size * mib * 1.04 + 1.1 * mib);
});
