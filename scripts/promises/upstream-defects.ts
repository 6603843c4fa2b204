/**
 * The index of what is wrong inside of upstream's containers (spec kernel-runner 26). `upstream-defects.json` has by the number of
 * each the tests that hold it here, or why there is none. Pure.
 */
import { type Answer, type Answered, type Answers, answered } from './answers.ts';
import type { SourceFile } from './held-promises.ts';

/** A row of the specification. */
interface SpecifiedDefect {
  readonly number: number;
  readonly text: string;
  /** Sections of the specification that tell of it. */
  readonly sections: string;
}

export type AnsweredDefect = Answered<SpecifiedDefect>;

const heading = '\n## 26. Defect index';
const defectLine = /^\| (\d+) \| (.+) \| ([\d., ]+) \|$/;

/** The defects in the text of the specification. */
export function specifiedDefects(specification: string): readonly SpecifiedDefect[] {
  const [, behind = ''] = specification.split(heading);
  return behind.split('\n').flatMap((line) => {
    const [, number, text = '', sections = ''] = defectLine.exec(line) ?? [];
    return number === undefined ? [] : [{ number: Number(number), text, sections }];
  });
}

export function upstreamDefects(
  specification: string,
  answers: Readonly<Record<string, Answer>>,
  files: Iterable<SourceFile>,
): Answers<SpecifiedDefect> {
  const specified = specifiedDefects(specification);
  const { cases, problems } = answered(specified, answers, files, 'defect');
  const none = specified.length === 0 ? ['the specification has no index of defects'] : [];
  return { cases, problems: [...problems, ...none] };
}
