import { describe, expect, it } from 'vitest';
import { median, percentile, rounded, slope } from './statistics.ts';

describe('the statistics', () => {
  it('take percentiles by nearest rank, whatever the order', () => {
    const samples = Array.from({ length: 100 }, (_, index) => 100 - index);
    expect([0, 0.01, 0.5, 0.99, 1].map((p) => percentile(samples, p))).toEqual([1, 1, 50, 99, 100]);
    expect(percentile([3, 1, 2], 0.99)).toBe(3);
    expect(median([30, 10, 20])).toBe(20);
    expect(percentile([], 0.5)).toBeNaN();
  });

  it('take a slope that points far off do not change', () => {
    const line = Array.from({ length: 9 }, (_, x) => [x, 5 + 2 * x] as const);
    expect(slope(line)).toBe(2);
    expect(slope([...line, [9, 1000], [10, -1000]])).toBe(2);
  });

  it('round to three significant digits', () => {
    expect([0.49651, 3.6349, 117.4, 850.6, 91_400, Number.NaN].map(rounded)).toEqual([
      0.497,
      3.63,
      117,
      851,
      91_400,
      Number.NaN,
    ]);
  });
});
