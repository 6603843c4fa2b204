import { describe, expect, it } from 'vitest';
import { clockLook, memoryLook } from './node-looks.ts';

describe('the memory of the machine', () => {
  it('is scarce when hardly any is left', () => {
    const look = (available: number) => memoryLook({ available: () => available, total: () => 2 ** 30 })();
    expect(look(2 ** 29)).toBeNull();
    expect(look(2 ** 20)).toMatch(/^1(\.0+)? MiB of 1(\.0+)? GiB of memory are left/);
  });
});

describe('the clock of the machine', () => {
  const at = { now: Date.UTC(2026, 10, 1), monotonic: 0 };
  const clock = { now: () => at.now, monotonic: () => at.monotonic };
  const pass = (ms: number, clockMs = ms): void => {
    at.monotonic += ms;
    at.now += clockMs;
  };

  it('is told of for a while when it was set, not when it is corrected', () => {
    const look = clockLook(clock);
    pass(5_000);
    expect(look()).toBeNull();
    for (let times = 0; times < 10; times += 1) {
      pass(5_000, 5_400);
      expect(look()).toBeNull();
    }
    pass(5_000, 3_605_000);
    expect(look()).toMatch(/set forward by 1 h/);
    pass(590_000);
    expect(look()).toMatch(/set forward/);
    pass(20_000);
    expect(look()).toBeNull();
    pass(1_000, -59_000);
    expect(look()).toMatch(/set back by 1 min|set back by 60/);
  });

  it('is wrong before this program was there', () => {
    at.now = 0;
    expect(clockLook(clock)()).toBe('the clock says 1970-01-01T00:00:00.000Z');
  });
});
