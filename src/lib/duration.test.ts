import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { describeAge, describeDuration, formatDuration, parseDuration } from './duration.ts';

describe('parseDuration', () => {
  it.each([
    ['500ms', 500],
    ['2s', 2000],
    ['1.5s', 1500],
    ['5m', 300_000],
    ['1h', 3_600_000],
    [' 2 S ', 2000],
    ['0s', 0],
  ])('reads %j as %d ms', (text, ms) => {
    expect(parseDuration(text)).toBe(ms);
  });

  it.each(['', '5', '-1s', '1d', 's', '1h30m', 'Infinitys', '999999999999h'])('refuses %j', (text) => {
    expect(() => parseDuration(text, '--timeout')).toThrow(/^--timeout .* is not a duration such as 500ms/);
  });
});

it('formats so that it is read back as the same number', () => {
  fc.assert(
    fc.property(fc.nat({ max: 1e11 }), (ms) => {
      expect(parseDuration(formatDuration(ms))).toBe(ms);
    }),
  );
  expect([0, 500, 90_000, 300_000, 7_200_000].map(formatDuration)).toEqual(['0ms', '500ms', '90s', '5m', '2h']);
});

it('describes durations for people', () => {
  expect([0, 4.4, 999.6, 1238, 59_999, 125_000, 11_520_000].map(describeDuration)).toEqual([
    '0 ms',
    '4 ms',
    '1.00 s',
    '1.24 s',
    '1 min 0 s',
    '2 min 5 s',
    '3 h 12 min',
  ]);
});

it('an age has one unit, and is never above what has passed', () => {
  expect([0, 59_999, 60_000, 3_599_999, 7_300_000, 86_399_999, 200_000_000].map(describeAge)).toEqual([
    ...['0 s', '59 s', '1 min', '59 min', '2 h', '23 h', '2 d'],
  ]);
});
