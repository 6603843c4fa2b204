/**
 * The regression cases of the specification: defects that upstream has mended once (spec kernel-lifecycle 27). `regression-cases.json` has by
 * the number of each the tests that hold it here, or why there is none. Pure.
 */
import { type Answer, type Answered, type Answers, answered } from './answers.ts';
import type { SourceFile } from './held-promises.ts';

/** A row of the specification. */
interface SpecifiedCase {
  readonly number: number;
  /** The heading that it stands under. */
  readonly topic: string;
  /** The first release of upstream that has the fix. */
  readonly release: string;
  readonly text: string;
}

export type AnsweredCase = Answered<SpecifiedCase>;

const heading = '\n## 27. ';
const topicLine = /^### 27\.\d+ (.+)$/;
const caseLine = /^\| (\d+) \| (.+?) \| (.+) \|$/;

/** The cases in the text of the specification. */
export function specifiedCases(specification: string): readonly SpecifiedCase[] {
  const [, behind = ''] = specification.split(heading);
  const [section = ''] = behind.split('\n## ');
  let topic = '';
  return section.split('\n').flatMap((line) => {
    topic = topicLine.exec(line)?.[1] ?? topic;
    const [, number, release = '', text = ''] = caseLine.exec(line) ?? [];
    return number === undefined ? [] : [{ number: Number(number), topic, release, text }];
  });
}

export function regressionCases(
  specification: string,
  answers: Readonly<Record<string, Answer>>,
  files: Iterable<SourceFile>,
): Answers<SpecifiedCase> {
  const specified = specifiedCases(specification);
  const { cases, problems } = answered(specified, answers, files, 'case');
  const none = specified.length === 0 ? ['the specification has no regression cases'] : [];
  return { cases, problems: [...problems, ...none] };
}
