import { describe, expect, it } from 'vitest';
import { KerneletError } from '../lib/errors.ts';
import type { EndReason } from '../protocol/run-event.ts';
import { daemonStatusOf, statusOfEnd } from './exit-status.ts';

const end = (reason: EndReason, exitCode: number) =>
  statusOfEnd({ reason, exitCode, timeoutMs: 2_000, memoryBytes: 256 * 1024 ** 2 });

describe('the exit status', () => {
  it.each<readonly [EndReason, number, number]>([
    ['exited', 0, 0],
    ['exited', 3, 3],
    ['exited', 124, 124],
    ['exited', 256, 0],
    ['signalled', -15, 143],
    ['signalled', -11, 139],
    ['cancelled', -9, 137],
    ['unable', 127, 127],
  ])('after %s with %i is %i, without a word', (reason, exitCode, status) => {
    expect(end(reason, exitCode)).toEqual({ status, line: null });
  });

  it('after a limit is 137, and one line says which', () => {
    expect(end('time-limit', -9)).toEqual({ status: 137, line: 'the program was killed at its time limit of 2s' });
    expect(end('memory-limit', -9)).toEqual({
      status: 137,
      line: 'the program was killed at its memory limit of 256m',
    });
    const unknown = { exitCode: 1, timeoutMs: null, memoryBytes: null };
    expect(statusOfEnd({ reason: 'time-limit', ...unknown }).line).toBe('the program was killed at its time limit');
    expect(statusOfEnd({ reason: 'memory-limit', ...unknown }).line).toBe('the program was killed at its memory limit');
  });

  it.each<EndReason>(['kernel-ended', 'internal'])('after %s is 125, whatever the program said', (reason) => {
    expect(end(reason, 0)).toMatchObject({ status: 125, line: expect.stringMatching(/kernel/) });
  });
});

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
