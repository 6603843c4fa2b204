import { expect, it } from 'vitest';
import { upstreamDefectsPage } from './upstream-defects-page.ts';

it('has a row for each defect, with its tests or the sentence in their place', () => {
  const page = upstreamDefectsPage([
    { number: 1, text: 'A', sections: '6.2', answer: {}, tests: [{ file: 'src/a.test.ts', title: 'holds' }] },
    { number: 2, text: 'B', sections: '4, 23.5', answer: { otherwise: 'C.' }, tests: [] },
  ]);
  expect(page).toContain('\n| 1 | A | 6.2 | [holds](../../src/a.test.ts) |\n| 2 | B | 4, 23.5 | Otherwise: C. |\n');
});
