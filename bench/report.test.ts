import { describe, expect, it } from 'vitest';
import type { Figure } from './measure.ts';
import { judge, lineOf, passes, summaryOf } from './report.ts';

const figure = (value: number, change: Partial<Figure> = {}): Figure => ({
  name: 'time',
  value,
  unit: 'ms',
  must: 50,
  goal: 15,
  ...change,
});
const verdictOf = (value: number, change?: Partial<Figure>): string => judge(figure(value, change)).verdict;

describe('the verdict on a figure', () => {
  it('counts the bounds themselves as kept, on either side', () => {
    expect([15, 15.001, 50, 50.001].map((value) => verdictOf(value))).toEqual(['goal', 'must', 'must', 'missed']);
    const rate = { larger: true, must: 20, goal: 100 };
    expect([100, 99.99, 20, 19.99].map((value) => verdictOf(value, rate))).toEqual(['goal', 'must', 'must', 'missed']);
  });

  it('is about what was measured, not about what is shown', () => {
    expect(judge(figure(50.04))).toMatchObject({ value: 50, verdict: 'missed' });
  });

  it('of what could not be computed is that it is missed', () => {
    expect([verdictOf(Number.NaN), verdictOf(Number.NaN, { larger: true })]).toEqual(['missed', 'missed']);
  });
});

describe('the report', () => {
  const good = judge(figure(9.8765, { beside: { bare: 301.4 } }));
  const fair = judge(figure(20));
  const bad = judge(figure(99));

  it('says a figure in one line with its budget and what it stands beside', () => {
    expect(lineOf('P1', good)).toMatch(/^P1 +time +9\.88 ms +must ≤ 50, goal ≤ 15: goal reached \(bare 301\)$/);
    expect(lineOf('P1', bad)).toContain('MISSED');
  });

  it('ends in a summary that names what was not measured', () => {
    const report = { results: { P1: [good, fair], P3: [bad] }, failures: [] };
    expect(summaryOf(report)).toBe('3 figures: 1 reach the goal, 1 keep the must, 1 miss it');
    expect(summaryOf({ ...report, failures: ['P5: no engine'] })).toMatch(/; not measured: P5: no engine$/);
  });

  it('passes a gate only with every budget measured and none missed', () => {
    const wanted = new Set(['P1', 'P3']);
    const results = { P1: [good], P3: [fair] };
    expect(passes({ results, failures: [] }, wanted)).toBe(true);
    expect(passes({ results: { ...results, P3: [good, bad] }, failures: [] }, wanted)).toBe(false);
    expect(passes({ results: { P1: [good] }, failures: [] }, wanted)).toBe(false);
    expect(passes({ results: { ...results, P3: [] }, failures: [] }, wanted)).toBe(false);
    expect(passes({ results, failures: ['P3: half of it'] }, wanted)).toBe(false);
  });
});
