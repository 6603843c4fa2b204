import { expect, it } from 'vitest';
import type { Answer } from './answers.ts';
import { regressionCases, specifiedCases } from './regression-cases.ts';

const specification = [
  ...['## 26. Before', '', '| 9 | 1.0 | not one of them |', '', '## 27. Regression catalogue', ''],
  ...['### 27.1 Creation', '', '| # | V (ref) | Test |', '|---|---|---|', '| 1 | 20.03 (#1) | A → B |'],
  ...['', '### 27.2 Images', '', '| 2 | 24.09.1 | `x` \\| y |', '', '## 28. Behind', '', '| 3 | 1.0 | nor this |'],
].join('\n');
const files = [{ path: 'a.test.ts', text: "describe('a', () => {\n  it('holds', () => {});\n});\n" }];
const tested: Answer = { tests: { 'a.test.ts': ['a holds'] } };
const problems = (answers: Readonly<Record<string, Answer>>) => regressionCases(specification, answers, files).problems;

it('reads the cases of one section with their topics', () => {
  expect(specifiedCases(specification)).toEqual([
    { number: 1, topic: 'Creation', release: '20.03 (#1)', text: 'A → B' },
    { number: 2, topic: 'Images', release: '24.09.1', text: '`x` \\| y' },
  ]);
});

it('gives each case its tests, or the sentence why it has none', () => {
  const answers = { '1': { ...tested, otherwise: 'so' }, '2': { cannotOccur: 'no y' } };
  const { cases, problems } = regressionCases(specification, answers, files);
  expect(problems).toEqual([]);
  expect(cases.map(({ number, tests }) => [number, tests])).toEqual([
    [1, [{ file: 'a.test.ts', title: 'a holds' }]],
    [2, []],
  ]);
});

it.each<[Readonly<Record<string, Answer>>, string]>([
  [{ '1': tested }, 'case 2 has no answer'],
  [{ '1': tested, '2': tested, '3': tested }, 'case 3 is not in the specification'],
  [{ '1': tested, '2': {} }, 'case 2 has to name tests, or to say why there is none'],
  [{ '1': tested, '2': { ...tested, untested: 'x' } }, 'case 2 has to name tests, or to say why there is none'],
  [{ '1': tested, '2': { otherwise: 'x', cannotOccur: 'y' } }, 'case 2 has to name tests, or to say why there is none'],
  [{ '1': tested, '2': { tests: { 'a.test.ts': ['holds'] } } }, 'case 2: a.test.ts has no test "holds"'],
  [{ '1': tested, '2': { tests: { 'b.test.ts': ['a holds'] } } }, 'case 2: b.test.ts has no test "a holds"'],
])('finds %j', (answers, problem) => {
  expect(problems(answers)).toEqual([problem]);
});

it('finds a specification without cases', () => {
  expect(regressionCases('# Nothing\n', {}, files).problems).toEqual(['the specification has no regression cases']);
});
