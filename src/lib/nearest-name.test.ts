import { expect, it } from 'vitest';
import { didYouMean, nearestName } from './nearest-name.ts';

const known = ['kernel-uid', 'kernel-gid', 'scratch-root', 'port-range', 'id'];

it('finds the nearest name', () => {
  expect(nearestName('kernel-udi', known)).toBe('kernel-uid');
  expect(nearestName('scratch_root', known)).toBe('scratch-root');
  expect(nearestName('PORTRANGE', known)).toBe('port-range');
});

it('suggests nothing that is far off', () => {
  expect(nearestName('completely-other', known)).toBeUndefined();
  expect(nearestName('xy', known)).toBeUndefined();
  expect(nearestName('x', [])).toBeUndefined();
});

it('makes the end of a sentence', () => {
  expect(didYouMean('port-rage', known)).toBe(' (did you mean "port-range"?)');
  expect(didYouMean('zzzzzz', known)).toBe('');
});
