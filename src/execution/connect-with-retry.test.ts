import { describe, expect, it } from 'vitest';
import { pauseMs, startPace } from './connect-with-retry.ts';

describe('pauseMs', () => {
  it('is short while a runner is starting and grows to a bound when none comes', () => {
    expect(pauseMs(startPace, 0)).toBe(5);
    expect(pauseMs(startPace, 400)).toBe(5);
    expect(pauseMs(startPace, 402)).toBeCloseTo(11.25);
    expect(pauseMs(startPace, 1e9)).toBe(100);
  });
});
