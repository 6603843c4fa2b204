/**
 * The regression cases of the specification: defects that upstream has mended once (spec kernel-lifecycle 27). `regression-cases.json` has by
 * the number of each the tests that hold it here, or why there is none. Pure.
 */
import type { NamedTest, SourceFile } from './held-promises.ts';
import { titledTests } from './test-titles.ts';

/** A row of the specification. */
interface SpecifiedCase {
  readonly number: number;
  /** The heading that it stands under. */
  readonly topic: string;
  /** The first release of upstream that has the fix. */
  readonly release: string;
  readonly text: string;
}

/** What stands of a case in `regression-cases.json`: tests, one of the sentences, or tests and a sentence why kernelet does otherwise. */
export interface CaseAnswer {
  /** Titles of tests, with those of the groups around them, by files. */
  readonly tests?: Readonly<Record<string, readonly string[]>>;
  /** What kernelet does in its place, on purpose. */
  readonly otherwise?: string;
  readonly cannotOccur?: string;
  readonly untested?: string;
}

export interface AnsweredCase extends SpecifiedCase {
  readonly answer: CaseAnswer;
  readonly tests: readonly NamedTest[];
}

export interface RegressionCases {
  /** Those of the specification in their order, but for those without an answer. */
  readonly cases: readonly AnsweredCase[];
  /** A line each: a case without an answer, an answer without a case, an answer that says nothing, a title that no test has. */
  readonly problems: readonly string[];
}

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
  answers: Readonly<Record<string, CaseAnswer>>,
  files: Iterable<SourceFile>,
): RegressionCases {
  const specified = specifiedCases(specification);
  const titles = new Map<string, ReadonlySet<string>>();
  for (const { path, text } of files) titles.set(path, new Set(titledTests(text).tests.map(({ title }) => title)));
  const numbers = new Set(specified.map(({ number }) => String(number)));
  const problems = Object.keys(answers)
    .filter((number) => !numbers.has(number))
    .map((number) => `case ${number} is not in the specification`);
  const cases = specified.flatMap((one) => {
    const answer = answers[one.number];
    if (!answer) {
      problems.push(`case ${one.number} has no answer`);
      return [];
    }
    const tests = Object.entries(answer.tests ?? {}).flatMap(([file, own]) => own.map((title) => ({ file, title })));
    for (const { file, title } of tests) {
      if (!titles.get(file)?.has(title)) problems.push(`case ${one.number}: ${file} has no test "${title}"`);
    }
    const sentences = [answer.otherwise, answer.cannotOccur, answer.untested].filter((sentence) => sentence);
    if (
      sentences.length > 1 ||
      (tests.length === 0 && sentences.length === 0) ||
      (tests.length > 0 && answer.untested)
    ) {
      problems.push(`case ${one.number} has to name tests, or to say why there is none`);
    }
    return [{ ...one, answer, tests }];
  });
  if (specified.length === 0) problems.push('the specification has no regression cases');
  return { cases, problems };
}
