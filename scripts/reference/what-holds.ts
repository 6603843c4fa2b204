/** The answer to a point of the specification, in a cell of Markdown. Pure. */
import type { Answered } from '../promises/answers.ts';
import { testLink } from './promises-page.ts';

/** A sentence that a title or an excuse begins, and tests below it. */
export function whatHolds({ answer, tests }: Answered<object>): string {
  const { otherwise, cannotOccur, untested } = answer;
  const sentence = [
    ...(otherwise ? [`Otherwise: ${otherwise}`] : []),
    ...(cannotOccur ? [`Cannot occur: ${cannotOccur}`] : []),
    ...(untested ? [`**Untested**: ${untested}`] : []),
  ];
  return [...sentence, ...tests.map((test) => testLink(test, '../..'))].join('<br>');
}
