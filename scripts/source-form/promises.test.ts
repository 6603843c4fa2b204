import { expect, it } from 'vitest';
import { promiseProblems } from './promises.mjs';

const page = (row: string): string =>
  `# Threat model\n\n## Promises, and tests\n\n| against | promise | test |\n|---|---|---|\n${row}\n\n## Secrets\n\n| x | y | z |\n`;
const files = new Map([
  ['test/a.test.ts', "it('holds (always)', () => {});\nit.each([\n  1,\n])('holds %s too', () => {});\n"],
]);
const problems = (row: string) => promiseProblems(page(row), (file: string) => files.get(file) ?? null);

it('finds nothing where each promise has tests that are there', () => {
  expect(problems('| tenant | a wall | `test/a.test.ts` “holds (always)”, “holds %s too” |')).toEqual([]);
});

it.each([
  ['| tenant | a wall | a test |', 'no test holds the promise "a wall"'],
  ['| tenant | a wall | `test/b.test.ts` “holds” |', '"a wall": there is no test/b.test.ts'],
  ['| tenant | a wall | `test/a.test.ts` |', '"a wall": no test of test/a.test.ts is named'],
  ['| tenant | a wall | `test/a.test.ts` “holds” |', '"a wall": test/a.test.ts has no test "holds"'],
])('finds %s', (row, problem) => {
  expect(problems(row)).toEqual([problem]);
});

it('finds a page without promises', () => {
  expect(promiseProblems('# Threat model\n', () => null)).toEqual([
    'the threat model has no table below "## Promises"',
  ]);
});
