import { describe, expect, it } from 'vitest';
import { growthOf, leaksIn, type Sample } from './flatness.ts';
import { randomOf } from './random.ts';

const perRound = 30;

/** Samples of rounds, each with what there is of one kind then. */
const rounds = (count: number, of: (round: number) => number): readonly Sample[] =>
  Array.from({ length: count }, (_, round) => ({ operations: (round + 1) * perRound, counts: { socket: of(round) } }));

const leaks = (samples: readonly Sample[]): readonly string[] =>
  leaksIn(samples, () => ({ once: 1, perHundred: 0.5 })).map(({ kind }) => kind);

describe('the rule of what grows', () => {
  it('finds one object in a round that stays, in few samples, beside twice as many that come and go', () => {
    const random = randomOf(1);
    for (let time = 0; time < 200; time += 1) {
      const samples = rounds(20, (round) => 40 + round + random.oneOf([0, 0, 0, 1, 2]));
      expect(leaks(samples)).toEqual(['socket']);
      expect(growthOf(samples)[0]?.perHundred).toBeGreaterThan(2);
    }
  });

  it('finds one object in five rounds that stays, in the samples of an hour', () => {
    expect(leaks(rounds(400, (round) => 40 + Math.floor(round / 5)))).toEqual(['socket']);
  });

  it('finds what was not there at first', () => {
    expect(leaks(rounds(12, (round) => Math.max(0, round - 6)))).toEqual(['socket']);
  });

  it('takes what comes and goes for no growth', () => {
    const random = randomOf(2);
    for (let time = 0; time < 1_000; time += 1) {
      expect(leaks(rounds(20, () => 40 + random.oneOf([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 6])))).toEqual([]);
    }
  });

  it.each<readonly [what: string, of: (round: number) => number]>([
    ['a cache that fills in the first quarter', (round) => Math.min(round * 20, 100)],
    ['one that is made late and once', (round) => (round < 13 ? 40 : 41)],
    ['many for a moment in the later half', (round) => (round === 15 || round === 18 ? 90 : 40)],
    ['fewer and fewer', (round) => 100 - round],
  ])('takes %s for no growth', (_, of) => {
    expect(leaks(rounds(20, of))).toEqual([]);
  });

  it('lets a kind grow by what it may', () => {
    const samples = rounds(20, (round) => round * 10);
    expect(growthOf(samples)).toMatchObject([{ from: 60, to: 140 }]);
    expect(leaksIn(samples, () => ({ once: 1, perHundred: 34 }))).toEqual([]);
    expect(leaksIn(samples, () => ({ once: 80, perHundred: 0.5 }))).toEqual([]);
    expect(leaksIn(samples, () => ({ once: 79, perHundred: 33 }))).toHaveLength(1);
  });

  it('refuses to judge by few samples', () => {
    expect(() => leaks(rounds(7, () => 1))).toThrow('too few');
  });
});
