import { describe, expect, it } from 'vitest';
import { parseOptions, UsageError } from './options.ts';

const known = ['P1', 'P3', 'P10'];

describe('the command line of the benchmarks', () => {
  it('measures everything unless it names a part', () => {
    const all = parseOptions([], known);
    expect([...all.wanted]).toEqual(known);
    expect(all).toMatchObject({ complete: true, file: null, gate: false, keep: false });
    const part = parseOptions(['--only', ' p1, P10,', '--json', 'x.json', '--gate'], known);
    expect([...part.wanted]).toEqual(['P1', 'P10']);
    expect(part).toMatchObject({ complete: false, file: 'x.json', gate: true });
    expect(parseOptions(['--only', 'P10,P3,P1'], known).complete).toBe(true);
    expect(parseOptions(['--alone'], known)).toMatchObject({ alone: true, brief: false, complete: false });
    expect(parseOptions(['--brief'], known)).toMatchObject({ alone: false, brief: true, complete: false });
  });

  it('refuses what it does not know, in one sentence', () => {
    for (const argv of [['--only', 'P1,P2'], ['--only', ','], ['--fast'], ['more'], ['--only']]) {
      expect(() => parseOptions(argv, known)).toThrow(UsageError);
    }
    expect(() => parseOptions(['--only', 'P1,P2'], known)).toThrow('no budget P2 is measured; there are P1, P3, P10');
  });
});
