// The form of sources that no linter knows: files of at most 500 lines, doc comments that say more than their name does, and
// no marks of merges, in prose neither.
// What is planted must be found.
import { sourceFiles } from './source-files.mjs';
import { problemsOf } from './source-form/rules.mjs';

const planted = [
  'line\n'.repeat(501),
  `/${'**'} The process. */\nexport const process = 1;\n`,
  `${'<'.repeat(7)} ours\n`,
];
// Readers of earlier releases are as those had them.
const isSource = (path) => /\.(ts|mts|mjs|js|py|c|sh|md)$/.test(path) && !/(_pb\.ts|\/readers\.mjs)$/.test(path);

const problems = planted
  .filter((text) => problemsOf('src/planted.ts', text).length === 0)
  .map((text) => `the planted ${JSON.stringify(text.slice(0, 30))} was not found`);
let files = 0;
for (const { path, text } of sourceFiles(['src', 'test', 'bench', 'demo', 'scripts', '*.md'], isSource)) {
  files += 1;
  problems.push(...problemsOf(path, text));
}
for (const problem of problems) console.log(problem);
console.log(`${files} files, ${problems.length} problems`);
process.exit(files > 0 && problems.length === 0 ? 0 : 1);
