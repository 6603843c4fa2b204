// Dead code. Files, exports and dependencies that nobody uses, twice: with everything that is there, and then with the program
// alone, where tests are no users. What is planted must be found, lest the search finds nothing because it sees nothing.
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';

const entry = 'src/planted-entry.ts';
const planted = {
  [entry]: "import { used } from './planted-module.ts';\n\nused();\n",
  'src/planted-module.ts': 'export const used = (): void => {};\nexport const usedByATest = 1;\n',
  'src/planted-module.test.ts': "import { usedByATest } from './planted-module.ts';\n\nvoid usedByATest;\n",
  'src/planted-file.ts': 'export const usedByNobody = 1;\n',
};
const expected = ['src/planted-file.ts', 'src/planted-module.ts: usedByATest'];

/** What the build uses of the program, which is no test. */
const ofTheBuild = new Set(['src/storage/runner-volume/manifest.ts: describeFolder']);

/** Runs knip and lists what it found, a line each. */
function search(...args) {
  const done = spawnSync(process.execPath, ['node_modules/knip/bin/knip.js', '--reporter', 'json', ...args], {
    encoding: 'utf8',
    maxBuffer: 2 ** 26,
  });
  if (!done.stdout) throw new Error(`knip printed nothing: ${done.stderr}`);
  return JSON.parse(done.stdout).issues.flatMap(({ file, ...kinds }) =>
    Object.entries(kinds).flatMap(([kind, found]) =>
      found.map(({ name }) => (kind === 'files' ? file : `${file}: ${name}`)),
    ),
  );
}

const problems = search().map((found) => `nobody uses ${found}`);
const config = JSON.parse(readFileSync('knip.json', 'utf8'));
const withEntry = '.cache/knip-planted.json';
try {
  mkdirSync('.cache', { recursive: true });
  writeFileSync(withEntry, JSON.stringify({ ...config, entry: [...config.entry, `${entry}!`] }));
  for (const [file, text] of Object.entries(planted)) writeFileSync(file, text);
  const found = search('--production', '--config', withEntry);
  for (const one of expected) if (!found.includes(one)) problems.push(`the planted ${one} was not found`);
  const real = found.filter((one) => !expected.includes(one) && !ofTheBuild.has(one));
  problems.push(...real.map((one) => `tests alone use ${one}`));
} finally {
  for (const file of [withEntry, ...Object.keys(planted)]) rmSync(file, { force: true });
}
for (const problem of problems) console.log(problem);
console.log(`${problems.length} problems`);
process.exit(problems.length === 0 ? 0 : 1);
