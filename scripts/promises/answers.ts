/**
 * What a list of the specification asks of kernelet, and the answer to each point: the tests that hold it, or a sentence why there
 * is none. Pure.
 */
import type { NamedTest, SourceFile } from './held-promises.ts';
import { titledTests } from './test-titles.ts';

/** What stands of a point in a list of answers: tests, one of the sentences, or tests and a sentence why kernelet does otherwise. */
export interface Answer {
  /** Titles of tests, with those of the groups around them, by files. */
  readonly tests?: Readonly<Record<string, readonly string[]>>;
  /** What kernelet does in its place, on purpose. */
  readonly otherwise?: string;
  readonly cannotOccur?: string;
  readonly untested?: string;
}

export type Answered<T> = T & { readonly answer: Answer; readonly tests: readonly NamedTest[] };

export interface Answers<T> {
  /** Those of the specification in their order, but for those without an answer. */
  readonly cases: readonly Answered<T>[];
  /** A line each: a point without an answer, an answer without a point, an answer that says nothing, a title that no test has. */
  readonly problems: readonly string[];
}

/** Puts the answers to the points, which have numbers; `what` is one of them in words for problems. */
export function answered<T extends { readonly number: number }>(
  specified: readonly T[],
  answers: Readonly<Record<string, Answer>>,
  files: Iterable<SourceFile>,
  what: string,
): Answers<T> {
  const titles = new Map<string, ReadonlySet<string>>();
  for (const { path, text } of files) titles.set(path, new Set(titledTests(text).tests.map(({ title }) => title)));
  const numbers = new Set(specified.map(({ number }) => String(number)));
  const problems = Object.keys(answers)
    .filter((number) => !numbers.has(number))
    .map((number) => `${what} ${number} is not in the specification`);
  const cases = specified.flatMap((one) => {
    const answer = answers[one.number];
    if (!answer) {
      problems.push(`${what} ${one.number} has no answer`);
      return [];
    }
    const tests = Object.entries(answer.tests ?? {}).flatMap(([file, own]) => own.map((title) => ({ file, title })));
    for (const { file, title } of tests) {
      if (!titles.get(file)?.has(title)) problems.push(`${what} ${one.number}: ${file} has no test "${title}"`);
    }
    const sentences = [answer.otherwise, answer.cannotOccur, answer.untested].filter((sentence) => sentence);
    if (
      sentences.length > 1 ||
      (tests.length === 0 && sentences.length === 0) ||
      (tests.length > 0 && answer.untested)
    ) {
      problems.push(`${what} ${one.number} has to name tests, or to say why there is none`);
    }
    return [{ ...one, answer, tests }];
  });
  return { cases, problems };
}
