// The layer rule. dependency-cruiser reads nothing and still succeeds when its TypeScript is missing, and a rule that names
// a folder which is gone holds nothing: so this also demands that each rule names modules that are there, and that
// planted violations are found.
import { spawnSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { idlePatterns } from './layers/rule-patterns.mjs';

const { forbidden } = createRequire(import.meta.url)('../.dependency-cruiser.cjs');

/** What breaks a rule each: where it is planted, what it holds, and the rule that must report it. */
const planted = [
  ['src/lib/planted-upward.ts', "export type { Agent } from '../agent/agent.ts';", 'no-upward-from-lib'],
  ['src/cli/planted-sideways.ts', "export { createApp } from '../http/app.ts';", 'no-sideways-from-cli'],
  ['src/http/planted-adapter.ts', "export * from '../backendai/index.ts';", 'no-sideways-from-http'],
  ['src/main/planted-member.ts', "export * from '../backendai/membership/member.ts';", 'backendai-by-one-file'],
  ['src/agent/planted-package.ts', "export { pino } from 'pino';", 'one-module-imports-pino'],
  [
    'src/lib/planted-double.ts',
    "export { FakeClock } from '../../test/support/fake-clock.ts';",
    'program-without-its-tests',
  ],
  ['src/protocol/planted-package.ts', "export { parse } from 'smol-toml';", 'protocol-and-runner-without-packages'],
];

function cruise() {
  const program = 'node_modules/dependency-cruiser/bin/dependency-cruiser.mjs';
  const done = spawnSync(
    process.execPath,
    [program, '--config', '.dependency-cruiser.cjs', '--output-type', 'json', 'src'],
    {
      encoding: 'utf8',
      maxBuffer: 256 * 1024 * 1024,
    },
  );
  if (!done.stdout) throw new Error(`dependency-cruiser printed nothing: ${done.stderr}`);
  return JSON.parse(done.stdout);
}

const isPlanted = (path) => planted.some(([file]) => file === path);
let cruised;
try {
  for (const [file, text] of planted) writeFileSync(file, `${text}\n`);
  cruised = cruise();
} finally {
  for (const [file] of planted) rmSync(file, { force: true });
}
const problems = [];
const { violations } = cruised.summary;
for (const { rule, from, to } of violations) if (!isPlanted(from)) problems.push(`${rule.name}: ${from} → ${to}`);
for (const [file, , rule] of planted)
  if (!violations.some((found) => found.from === file && found.rule.name === rule))
    problems.push(`the planted ${file} was not reported by the rule ${rule}`);
const modules = cruised.modules.filter(({ source }) => !isPlanted(source));
const paths = new Set(
  modules.flatMap(({ source, dependencies }) => [source, ...dependencies.map(({ resolved }) => resolved)]),
);
for (const { name, pattern } of idlePatterns(forbidden, [...paths]))
  problems.push(`the rule ${name} names what matches no module: ${pattern}`);
for (const problem of problems) console.log(problem);
console.log(`${modules.length} modules, ${forbidden.length} rules, ${problems.length} problems`);
process.exit(problems.length === 0 ? 0 : 1);
