// The layer rule. dependency-cruiser reads nothing and still succeeds when its TypeScript is missing, so this also
// demands a minimum of modules, and that a planted violation is found.
import { spawnSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';

const minModules = 60;
const planted = 'src/lib/planted-violation.ts';

function cruise(...paths) {
  const done = spawnSync(
    process.execPath,
    [
      'node_modules/dependency-cruiser/bin/dependency-cruiser.mjs',
      '--config',
      '.dependency-cruiser.cjs',
      '--output-type',
      'json',
      ...paths,
    ],
    { encoding: 'utf8', maxBuffer: 256 * 1024 * 1024 },
  );
  if (!done.stdout) throw new Error(`dependency-cruiser printed nothing: ${done.stderr}`);
  return JSON.parse(done.stdout).summary;
}

const summary = cruise('src');
for (const violation of summary.violations) console.log(`${violation.rule.name}: ${violation.from} → ${violation.to}`);
let good = summary.violations.length === 0;
if (summary.totalCruised < minModules) {
  console.log(`only ${summary.totalCruised} modules were seen, at least ${minModules} are there`);
  good = false;
}
try {
  writeFileSync(planted, "export type { Agent } from '../agent/agent.ts';\n");
  if (cruise(planted).violations.length === 0) {
    console.log('a planted violation was not found');
    good = false;
  }
} finally {
  rmSync(planted, { force: true });
}
console.log(`${summary.totalCruised} modules, ${summary.violations.length} violations`);
process.exit(good ? 0 : 1);
