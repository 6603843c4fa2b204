// The form of sources that no linter knows: files of at most 500 lines, and doc comments that say more than their name does.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { emptyComments, maxLines } from './source-form/rules.mjs';

const folders = ['src', 'test', 'bench', 'demo', 'scripts'];
const listed = execFileSync('git', ['ls-files', '-co', '--exclude-standard', ...folders], { encoding: 'utf8' });
const problems = [];
let comments = 0;
for (const path of listed.split('\n')) {
  if (!/\.(ts|mts|mjs|js|py|c|sh)$/.test(path) || path.endsWith('_pb.ts')) continue;
  let text;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (error.code === 'ENOENT') continue;
    throw error;
  }
  const lines = text.split('\n').length - 1;
  if (lines > maxLines) problems.push(`${path} has ${lines} lines, more than ${maxLines}`);
  if (!path.startsWith('src/')) continue;
  for (const { line, comment } of emptyComments(text)) {
    comments += 1;
    if (process.argv.includes('--comments')) console.log(`${path}:${line}: ${comment}`);
  }
}
for (const problem of problems) console.log(problem);
console.log(`${problems.length} files too long, ${comments} comments of four words or fewer`);
process.exit(problems.length === 0 ? 0 : 1);
