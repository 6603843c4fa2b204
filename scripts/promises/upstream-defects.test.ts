import { expect, it } from 'vitest';
import { specifiedDefects, upstreamDefects } from './upstream-defects.ts';

const specification = [
  ...['## 25. Before', '', '| 9 | not one | 1 |', '', '## 26. Defect index (fix or avoid)', '', '| # | Defect | § |'],
  ...['|---|---|---|', '| 1 | A → B; `x` | 6.2 |', '| 2 | other | 4, 23.5 |'],
].join('\n');
const files = [{ path: 'a.test.ts', text: "it('holds', () => {});\n" }];

it('reads the defects of the index with their sections', () => {
  expect(specifiedDefects(specification)).toEqual([
    { number: 1, text: 'A → B; `x`', sections: '6.2' },
    { number: 2, text: 'other', sections: '4, 23.5' },
  ]);
});

it('finds a defect without an answer, a title that no test has, and a specification without the index', () => {
  const tested = { tests: { 'a.test.ts': ['holds'] } };
  expect(upstreamDefects(specification, { '1': tested, '2': { untested: 'why' } }, files).problems).toEqual([]);
  const gone = { tests: { 'a.test.ts': ['held'] } };
  expect(upstreamDefects(specification, { '1': gone }, files).problems).toEqual([
    'defect 1: a.test.ts has no test "held"',
    'defect 2 has no answer',
  ]);
  expect(upstreamDefects('# Nothing\n', {}, files).problems).toEqual(['the specification has no index of defects']);
});
