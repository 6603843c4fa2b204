// The promises of the threat model: each names tests that hold it, which must be there. Pure, but for what `read` reads.

const named = /`((?:src|test|scripts)\/[^`]+\.test\.ts)`((?:,? “[^”]+”)*)/g;
const heading = '## Promises';

/** Whether the text has a test, or tests, of this title. */
function hasTitle(text, title) {
  const escaped = title.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&');
  return new RegExp(`(?:\\b(?:it|describe|test)|[)\\]])\\s*\\(\\s*(['"\`])${escaped}\\1`).test(text);
}

/** What is wrong with the promises of this page, a line each; `read` gives the text of a file, null where there is none. */
export function promiseProblems(page, read) {
  const [, section = ''] = page.split(`\n${heading}`);
  const rows = (section.split('\n## ')[0] ?? '')
    .split('\n')
    .filter((line) => /^\| [^|-]/.test(line))
    .slice(1);
  if (rows.length === 0) return [`the threat model has no table below "${heading}"`];
  return rows.flatMap((row) => {
    const [, promise = ''] = row
      .split('|')
      .slice(1)
      .map((cell) => cell.trim());
    const tests = [...row.matchAll(named)];
    if (tests.length === 0) return [`no test holds the promise "${promise}"`];
    return tests.flatMap(([, file, titles]) => {
      const text = read(file);
      if (text === null) return [`"${promise}": there is no ${file}`];
      const wanted = [...titles.matchAll(/“([^”]+)”/g)].map(([, title]) => title);
      if (wanted.length === 0) return [`"${promise}": no test of ${file} is named`];
      return wanted
        .filter((title) => !hasTitle(text, title))
        .map((title) => `"${promise}": ${file} has no test "${title}"`);
    });
  });
}
