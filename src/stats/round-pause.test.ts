import { describe, expect, it } from 'vitest';
import { pauseAfter } from './round-pause.ts';

describe('the pause between rounds', () => {
  it('begins rounds at a fixed period, and skips turns after a round that took too long', () => {
    const fixed = { periodMs: 5000, adaptive: false, busyMs: 400 };
    expect(pauseAfter({ ...fixed, tookMs: 100 })).toBe(4900);
    expect(pauseAfter({ ...fixed, tookMs: 5000 })).toBe(5000);
    expect(pauseAfter({ ...fixed, tookMs: 12_000 })).toBe(3000);
  });

  it('grows the period with what a round costs, up to a minute, when it is adaptive', () => {
    const adaptive = { periodMs: 5000, adaptive: true, tookMs: 0 };
    expect(pauseAfter({ ...adaptive, busyMs: 10 })).toBe(5000);
    expect(pauseAfter({ ...adaptive, busyMs: 100 })).toBe(10_000);
    expect(pauseAfter({ ...adaptive, busyMs: 5000 })).toBe(60_000);
  });
});
