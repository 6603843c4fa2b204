// What must be green before every commit: types, lint and form, layers, words, dead code, generated pages, units, vectors.
import { spawnSync } from 'node:child_process';

const node = process.execPath;
const steps = [
  ['types', [node, 'node_modules/typescript-7/bin/tsc', '--noEmit']],
  ['lint and form', [node, 'node_modules/@biomejs/biome/bin/biome', 'check', '--error-on-warnings']],
  ['layers', [node, 'scripts/layers.mjs']],
  ['sources', [node, 'scripts/source-form.mjs']],
  ['words of a manager', [node, 'scripts/vocabulary.mjs']],
  ['dead code', [node, 'scripts/dead-code.mjs']],
  ['readers of settings', [node, 'scripts/settings-readers.mjs']],
  ['generated pages', [node, 'scripts/reference.mjs', '--check']],
  [
    'units and vectors',
    [
      ...[node, 'node_modules/vitest/vitest.mjs', 'run', '--project', 'unit', '--project', 'conformance'],
      // On two cores vitest would take one worker, and these tests wait more than they work.
      ...['--reporter=dot', '--maxWorkers=2'],
    ],
  ],
];

let failed = 0;
for (const [name, [command, ...args]] of steps) {
  const begun = performance.now();
  const env = { ...process.env, NO_COLOR: '1' };
  const done = spawnSync(command, args, {
    encoding: 'utf8',
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
    maxBuffer: 2 ** 28,
  });
  const seconds = ((performance.now() - begun) / 1000).toFixed(1);
  const good = done.status === 0;
  console.log(`${good ? 'ok    ' : 'FAILED'} ${name} (${seconds} s)`);
  if (!good) {
    failed += 1;
    process.stdout.write(`${done.stdout}${done.stderr}`);
  }
}
console.log(`${steps.length - failed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
