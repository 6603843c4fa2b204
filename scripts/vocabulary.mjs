// Words of a manager outside of the adapter: the core is to know none of them (ARCHITECTURE.md). What is planted must be found.
import { sourceFiles } from './source-files.mjs';
import { isExempt, reasoned, wordsOf } from './vocabulary/words.mjs';

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
const needed = new Set();
for (const { path, text } of sourceFiles(['src'], (file) => file.endsWith('.ts') && !isExempt(file))) {
  problems.push(...wordsOf(path, text).map(({ line, word }) => `${path}:${line}: ${word}`));
  for (const word of reasoned[path]?.words ?? []) if (text.toLowerCase().includes(word)) needed.add(`${path}: ${word}`);
}
for (const [path, { words }] of Object.entries(reasoned)) {
  const stale = words.filter((word) => !needed.has(`${path}: ${word}`));
  problems.push(...stale.map((word) => `${path} does not say ${word} any more: it needs no exception`));
}
for (const problem of problems) console.log(problem);
console.log(`${problems.length} problems`);
process.exit(problems.length === 0 ? 0 : 1);
