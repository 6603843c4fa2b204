import { expect, it } from 'vitest';
import { KerneletError } from '../lib/errors.ts';
import { daemonStatusOf } from './daemon-status.ts';

it.each([
  ['INVALID_CONFIG', 1],
  ['NOT_SUPPORTED', 1],
  ['ENGINE_UNAVAILABLE', 69],
  ['ENGINE_UNSUPPORTED', 69],
  ['ETCD_UNAVAILABLE', 69],
  ['REDIS_REFUSED', 69],
  ['INTERNAL', 70],
  ['STATE_LOCKED', 75],
  ['STATE_UNUSABLE', 75],
  ['DEADLINE_EXCEEDED', 75],
  ['CANCELLED', 75],
] as const)('a daemon that %s ends has the status %i', (code, status) => {
  expect(daemonStatusOf(new KerneletError(code, 'it is so'))).toBe(status);
});

it('a daemon that anything else ends has that of a defect', () => {
  expect(daemonStatusOf(new TypeError('x is not a function'))).toBe(70);
});
