/** Which tests hold which promise, and what is wrong with that. Pure. */
import { titledTests } from './test-titles.ts';

/** What a node promises to its users under one title, as `promises.json` has it. */
export interface PromiseSection {
  readonly title: string;
  /** Whom promises are made to, or, of what keeps people out, whom they stand against. */
  readonly column: 'to' | 'against';
  /** By who that is, then by the id that tags of tests name: `// @promise ID`. */
  readonly promises: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

export interface SourceFile {
  readonly path: string;
  readonly text: string;
}

/** A test, or a group of tests, by its file and its title. */
export interface NamedTest {
  readonly file: string;
  readonly title: string;
}

export interface HeldPromises {
  /** By the ids of promises, in the order of the files. */
  readonly tests: ReadonlyMap<string, readonly NamedTest[]>;
  /** A line each: a tag whose promise nobody knows, or above no test; a promise without a test, or one that is there twice. */
  readonly problems: readonly string[];
}

export function heldPromises(sections: readonly PromiseSection[], files: Iterable<SourceFile>): HeldPromises {
  const ids = sections.flatMap(({ promises }) => Object.values(promises).flatMap((texts) => Object.keys(texts)));
  const tests = new Map<string, NamedTest[]>(ids.map((id) => [id, []]));
  const problems = ids.filter((id, at) => ids.indexOf(id) !== at).map((id) => `two promises are called ${id}`);
  for (const { path, text } of files) {
    const found = titledTests(text);
    problems.push(...found.strayTags.map((line) => `${path}:${line}: this tag is directly above no test`));
    for (const { title, promises } of found.tests) {
      for (const id of promises) {
        const held = tests.get(id);
        if (held) held.push({ file: path, title });
        else
          problems.push(`${path}: "${title}" is to hold the promise ${id}, which scripts/promises/promises.json lacks`);
      }
    }
  }
  for (const [id, held] of tests) if (held.length === 0) problems.push(`no test holds the promise ${id}`);
  return { tests, problems };
}
