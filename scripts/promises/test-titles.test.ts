import { describe, expect, it } from 'vitest';
import { titledTests } from './test-titles.ts';

const titles = (...lines: string[]): string[] => titledTests(lines.join('\n')).tests.map(({ title }) => title);

describe('the titles of tests', () => {
  it('begin with those of the groups around them', () => {
    const groups = ["describe('a', () => {", "  it('is b', () => {", '  });', '});', "it('c', () => {});"];
    expect(titles(...groups)).toEqual(['a', 'a is b', 'c']);
  });

  it.each([
    [["it('one', () => {"]],
    [['it(', '  "one",', '  () => {']],
    [["it.each(['x', 'y'])('one', (z) => {"]],
    [["it.each([{}, [], 'x'])('one', (z) => {"]],
    [['it.each([', "  ['x', f('y')],", "])('one', () => {"]],
    [['it.each<{', '  readonly a: string;', '}>([', '  { a: "x" },', "])('one', () => {"]],
    [['it.each(rows)(', "  'one',"]],
    [["it.runIf(nightly)('one', () => {"]],
    [["describeWith(['redis-server'], 'one', () => {"]],
    [["it('on\\e', () => {"]],
  ])('are found in %j', (lines) => {
    expect(titles(...lines)).toEqual(['one']);
  });

  it.each([[["it.skip('one', () => {"]], [['it(title, () => {', '});', "call('one');"]], [['// it is so']]])(
    'are not found in %j',
    (lines) => {
      expect(titles(...lines)).toEqual([]);
    },
  );
});

describe('the tags of tests', () => {
  it('are those directly above them, other comments between', () => {
    const text = ['// @promise a, b', '// @promise c', '// Why.', "it('one', () => {});", "it('two', () => {});"];
    expect(titledTests(text.join('\n')).tests.map(({ promises }) => promises)).toEqual([['a', 'b', 'c'], []]);
  });

  it.each([[['const x = 1;']], [['']], [["it.skip('one', () => {"]]])('hold nothing above %j', (lines) => {
    const found = titledTests(['// @promise a', ...lines, "it('two', () => {});"].join('\n'));
    expect(found.strayTags).toEqual([1]);
    expect(found.tests.map(({ promises }) => promises)).toEqual([[]]);
  });
});
