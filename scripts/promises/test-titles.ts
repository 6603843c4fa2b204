/**
 * The tests of a file by their titles, and the promises with which comments above them are tagged. Pure. It reads sources as Biome
 * formats them: what begins at an indentation ends there.
 */

/** A test, or a group of tests. */
export interface TitledTest {
  /** As the runner prints it: behind the titles of the groups around it. Placeholders (`%s`, `${name}`) stand as they are. */
  readonly title: string;
  /** Of the comments `// @promise ID, ID` directly above it. */
  readonly promises: readonly string[];
}

export interface TitledTests {
  readonly tests: readonly TitledTest[];
  /** Numbers of the lines, from 1, whose tag is above no test. */
  readonly strayTags: readonly number[];
}

const call = /^( *)(?:it|test|describe)\w*(?:\.(?!skip|todo)\w+)*[(<]/;
const comment = /^ *(?:\/\/|\*|\/\*\*)/;
const tag = /^ *\/\/ @promise (.+)$/;
const quoted = String.raw`\s*(['"\`])((?:\\.|(?!\1).)*)\1`;
/** At the beginning of the arguments, perhaps behind a list of programs that the tests need. */
const firstTitle = new RegExp(String.raw`^ *\w+(?:(?:\.\w+)*\(|\(\[[^\]]*\], )${quoted}`);
/** Behind the rows of an `each`, or the condition of a `runIf`. */
const laterTitle = new RegExp(String.raw`\)\(${quoted}`);

/** The title of the call that begins in this line; undefined where it has none, such as one that is a variable. */
function titleAt(lines: readonly string[], first: number, indent: number): string | undefined {
  const beginning = lines.slice(first, first + 2).join('\n');
  let title = firstTitle.exec(beginning) ?? laterTitle.exec(beginning);
  // What stands before the title may take lines, which end at the indentation of the call.
  for (let at = first + 1; title === null && at < lines.length; at += 1) {
    const line = lines[at] ?? '';
    if (line.search(/\S/) > indent || line === '') continue;
    if (!/^ *[\])}]/.test(line)) break;
    title = laterTitle.exec(lines.slice(at, at + 2).join('\n'));
  }
  return title?.[2]?.replaceAll(/\\(.)/g, '$1');
}

export function titledTests(text: string): TitledTests {
  const lines = text.split('\n');
  const tests: TitledTest[] = [];
  const strayTags: number[] = [];
  let around: { readonly indent: number; readonly title: string }[] = [];
  let tags: { readonly line: number; readonly promises: readonly string[] }[] = [];
  for (const [at, line] of lines.entries()) {
    const tagged = tag.exec(line)?.[1];
    if (tagged !== undefined) tags.push({ line: at + 1, promises: tagged.split(', ') });
    if (comment.test(line)) continue;
    const indent = call.exec(line)?.[1]?.length;
    const own = indent === undefined ? undefined : titleAt(lines, at, indent);
    if (indent === undefined || own === undefined) {
      strayTags.push(...tags.map((stray) => stray.line));
      tags = [];
      continue;
    }
    around = around.filter((group) => group.indent < indent);
    const title = [...around.map((group) => group.title), own].join(' ');
    tests.push({ title, promises: tags.flatMap(({ promises }) => promises) });
    around.push({ indent, title: own });
    tags = [];
  }
  return { tests, strayTags: [...strayTags, ...tags.map(({ line }) => line)] };
}
