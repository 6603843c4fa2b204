// Words of a manager outside of the adapter: the core is to know none of them (ARCHITECTURE.md). What is planted must be found.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { isExempt, pending, reasoned, wordsOf } from './vocabulary/words.mjs';

const planted = [
  'export const etcdClient = null;',
  "log.warn('the scaling group is gone');",
  '// A manager asks for it.',
  'const args = unpickleCallosum(body);',
  'class RpcCaller {}',
];
const problems = planted
  .filter((text) => wordsOf('src/agent/agent.ts', text).length === 0)
  .map((text) => `the planted ${text} was not found`);
for (const [path, { words }] of Object.entries(reasoned)) {
  const others = ['etcd', 'redis', 'pickle'].filter((word) => !words.includes(word));
  if (wordsOf(path, others.join(' ')).length < others.length)
    problems.push(`${path} may say more than it has reasons for`);
}
const files = execFileSync('git', ['ls-files', '-co', '--exclude-standard', 'src'], { encoding: 'utf8' }).split('\n');
let count = 0;
for (const path of files) {
  if (!path.endsWith('.ts') || isExempt(path)) continue;
  let text;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (error.code === 'ENOENT') continue;
    throw error;
  }
  const found = wordsOf(path, text);
  count += found.length;
  if (found.length <= (pending[path] ?? 0)) continue;
  problems.push(...found.map(({ line, word }) => `${path}:${line}: ${word}`));
}
for (const problem of problems) console.log(problem);
console.log(`${count} words of a manager outside of the adapter, ${problems.length} problems`);
process.exit(problems.length === 0 ? 0 : 1);
