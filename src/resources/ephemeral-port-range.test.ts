import { expect, it } from 'vitest';
import { poolOverlap } from './ephemeral-port-range.ts';

const pool = { first: 30_000, last: 30_003 };

it('finds a pool that outgoing connections take ports of, wholly or in part', () => {
  const whole = { first: 20_000, last: 40_000, reserve: '30000-30003' };
  expect(poolOverlap(pool, { range: '20000\t40000\n', reserved: '\n' })).toEqual(whole);
  expect(poolOverlap(pool, { range: '30003 60999', reserved: '' })).toMatchObject({ first: 30_003 });
  expect(poolOverlap(pool, { range: '20000 40000', reserved: '8080,30000-30002\n' })).toMatchObject({
    reserve: '8080,30000-30002,30000-30003',
  });
});

it('finds nothing where they are apart, reserved, or unknown', () => {
  expect(poolOverlap(pool, { range: '32768 60999', reserved: '' })).toBeNull();
  expect(poolOverlap(pool, { range: '20000 40000', reserved: '8080,30000-30002,30003' })).toBeNull();
  expect(poolOverlap(pool, { range: '', reserved: '' })).toBeNull();
});
