import { expect, it } from 'vitest';
import { regressionCasesPage } from './regression-cases-page.ts';

it('has a row for each case, and counts at its head how they are answered', () => {
  const one = { topic: 'Images', release: '24.09', text: 'A → B', tests: [] };
  const page = regressionCasesPage([
    { ...one, number: 1, answer: {}, tests: [{ file: 'src/a.test.ts', title: 'holds' }] },
    { ...one, number: 2, answer: { otherwise: 'C.' }, tests: [{ file: 'src/a.test.ts', title: 'does C' }] },
    { ...one, number: 3, answer: { cannotOccur: 'There is no A.' } },
    { ...one, number: 4, topic: 'Ports', answer: { untested: 'B takes an hour.' } },
  ]);
  expect(page.replaceAll('\n', ' ')).toMatch(/Of 4 cases 1 are held.*in 1 .*; 1 cannot.*; 1 are untested \(4\)/);
  for (const row of [
    '| 1 | 24.09 | A → B | [holds](../../src/a.test.ts) |',
    '| 2 | 24.09 | A → B | Otherwise: C.<br>[does C](../../src/a.test.ts) |',
    '| 3 | 24.09 | A → B | Cannot occur: There is no A. |\n\n## Ports',
    '| 4 | 24.09 | A → B | **Untested**: B takes an hour. |',
  ]) {
    expect(page).toContain(row);
  }
});
