// Runs units against mutants of sources (Stryker), and says how many of these no test notices.
import { spawn } from 'node:child_process';
import { readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { withoutCounts } from './run-part.mjs';

/** Per cent of the mutants that some test must notice. */
const neededScore = 80;
const noticed = ['Killed', 'Timeout'];
/** Left out on purpose. All else counts as unnoticed, also what has ended in an error without a verdict. */
const untried = 'Ignored';

/**
 * @param {string} name of the part
 * @param {{ sources: string, units: string }} mutated
 * @param {{ filters: readonly string[], environ: NodeJS.ProcessEnv, signal: AbortSignal }} options
 *   `filters`: files that alone are mutated
 * @returns {Promise<import('./run-part.mjs').Outcome>} its tests are the mutants
 */
export async function runMutation(name, { sources, units }, { filters, environ, signal }) {
  const report = path.join('.cache', 'mutation', `${name}.json`);
  await rm(report, { force: true });
  const begun = performance.now();
  const mutated = filters.length > 0 ? filters : [sources];
  const child = spawn(
    process.execPath,
    [
      ...['node_modules/@stryker-mutator/core/bin/stryker.js', 'run', 'scripts/mutation/stryker.config.mjs'],
      ...['--mutate', [...mutated, '!**/*.test.ts'].join(',')],
    ],
    {
      stdio: 'inherit',
      env: {
        ...environ,
        KERNELET_MUTATION_UNITS: units,
        KERNELET_MUTATION_REPORT: report,
        // Properties need not be tried a hundred thousand times for each mutant.
        KERNELET_TEST_DEPTH: 'quick',
      },
      signal,
    },
  );
  await new Promise((resolve) => {
    child.on('error', resolve);
    child.on('close', resolve);
  });
  const minutes = (performance.now() - begun) / 60_000;
  const outcome = { name, minutes, mended: [] };
  const text = await readFile(report, 'utf8').catch(() => null);
  if (text === null) return { ...outcome, ...withoutCounts('mutants') };
  return { ...outcome, ...countsOf(JSON.parse(text).files) };
}

/**
 * Counts mutants; too many that no test notices are one failure, which names them.
 *
 * @param {Readonly<Record<string, { mutants: readonly { status: string, mutatorName: string, replacement?: string, location: { start: { line: number } } }[] }>>} files of Stryker's report
 */
export function countsOf(files) {
  const mutants = Object.entries(files).flatMap(([file, { mutants: ofFile }]) =>
    ofFile.map((mutant) => ({ file, ...mutant })),
  );
  const killed = mutants.filter(({ status }) => noticed.includes(status)).length;
  const alive = mutants.filter(({ status }) => !noticed.includes(status) && status !== untried);
  if (killed + alive.length === 0) return withoutCounts('mutants', 'there are no mutants');
  const score = (100 * killed) / (killed + alive.length);
  const counts = { passed: killed, skipped: alive.length, failed: 0, failures: [] };
  console.log(`${killed} of ${killed + alive.length} mutants are noticed (${score.toFixed(1)} %); these are not:`);
  for (const mutant of alive) console.log(`  ${described(mutant)}`);
  if (score >= neededScore) return counts;
  const message = `the units notice ${score.toFixed(1)} % of the mutants, ${neededScore} % are needed`;
  return { ...counts, failed: 1, failures: [{ test: 'mutants', message }] };
}

const described = ({ file, location, status, mutatorName, replacement = '' }) =>
  `${file}:${location.start.line} ${status} ${mutatorName}: ${replacement.replaceAll(/\s+/g, ' ').slice(0, 80)}`;
