import { expect, it } from 'vitest';
import { diskResult } from './disk-check.ts';

const gib = 1024 ** 3;

it.each([
  [3 * gib, 'ok'],
  [gib, 'warning'],
  [gib / 8, 'failed'],
] as const)('%i bytes at the fullest place are %s', (free, state) => {
  const finding = diskResult([
    { place: '/a', free: 9 * gib, reserved: gib / 4 },
    { place: '/b', free, reserved: gib / 4 },
    { place: '/c', free: 9 * gib, reserved: gib / 4 },
  ]);
  expect(finding).toMatchObject({ state, detail: expect.stringMatching(/^\/a: 9 GiB free, \/b: .* free, \/c/) });
  if (state !== 'ok') expect(finding.fix).toMatch(/^free space below \/b:/);
});
