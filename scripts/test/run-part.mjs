// Runs one part of the tests in a vitest of its own, and says what came of it.
import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { measuredFolders } from './parts.mjs';

/**
 * @typedef {object} Outcome
 * @property {string} name
 * @property {number} minutes
 * @property {number} passed
 * @property {number} skipped
 * @property {number} failed
 * @property {readonly Failure[]} failures
 * @property {readonly Failure[]} mended what failed at first and passed when it was tried again
 */

/**
 * @typedef {object} Failure
 * @property {string} test its file and its names
 * @property {string} message
 */

const charactersOfAFailure = 1500;

/**
 * @param {string} name the project
 * @param {{ scratch: string, filters: readonly string[], environ: NodeJS.ProcessEnv, signal: AbortSignal, quietly: boolean }} options
 *   `quietly`: what it says is said at its end, since another part is speaking meanwhile
 * @returns {Promise<Outcome>}
 */
export async function runPart(name, options) {
  const begun = performance.now();
  const runs = [];
  for (const [index, args] of runsOf(name, options.filters).entries()) {
    if (!options.signal.aborted) runs.push(await run(`${name}-${index}`, ['--project', name, ...args], options));
  }
  const sum = (key) => runs.reduce((total, one) => total + one[key], 0);
  return {
    ...{ name, minutes: (performance.now() - begun) / 60_000 },
    ...{ passed: sum('passed'), skipped: sum('skipped'), failed: sum('failed') },
    ...{ failures: runs.flatMap(({ failures }) => failures), mended: runs.flatMap(({ mended }) => mended) },
  };
}

/**
 * What vitest is to be called with for a part, one run after the other. Of the whole part `unit` the branches of some folders are
 * measured: only while their own units run, since measuring those that load half the program takes minutes.
 *
 * @param {string} name the project
 * @param {readonly string[]} filters of files; none for the whole part
 * @returns {readonly (readonly string[])[]}
 */
export function runsOf(name, filters) {
  const some = filters.length > 0 ? ['--passWithNoTests', ...filters] : [];
  if (name !== 'unit') return [some];
  // On two cores vitest would take one worker, and units wait more than they work.
  const workers = '--maxWorkers=2';
  // A part of the tests says nothing of what all of them reach.
  if (filters.length > 0) return [[workers, ...some]];
  return [
    [workers, '--coverage', ...measuredFolders.map((folder) => `${folder}/`)],
    [workers, ...measuredFolders.map((folder) => `--exclude=${folder}/**`)],
  ];
}

async function run(report, args, { scratch, environ, signal, quietly }) {
  const file = path.join(scratch, `${report}.json`);
  const child = spawn(
    process.execPath,
    [
      ...['node_modules/vitest/vitest.mjs', 'run', ...args],
      ...['--reporter=default', '--reporter=json', `--outputFile.json=${file}`],
    ],
    { stdio: quietly ? ['ignore', 'pipe', 'pipe'] : 'inherit', env: environ, signal, killSignal: 'SIGTERM' },
  );
  const said = [];
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk) => said.push(chunk));
  const status = await new Promise((resolve) => {
    child.on('error', () => resolve(1));
    child.on('close', (code) => resolve(code ?? 1));
  });
  if (said.length > 0) process.stdout.write(Buffer.concat(said));
  return await countsOf(file, status);
}

/** A file that fails before its first test counts as one failure, and so does a run that ends badly without any. */
async function countsOf(report, status) {
  const text = await readFile(report, 'utf8').catch(() => null);
  if (text === null) return withoutCounts('the run');
  const { testResults, numPassedTests, numPendingTests } = JSON.parse(text);
  const failures = testResults.flatMap(failuresOfFile);
  if (failures.length === 0 && status !== 0)
    failures.push(failure('the run', `it ended with status ${status}; a line with ERROR says why`));
  const mended = testResults.flatMap((file) => failuresOfTests(file, 'passed'));
  return { passed: numPassedTests, skipped: numPendingTests, failed: failures.length, failures, mended };
}

function failuresOfFile(file) {
  const failed = failuresOfTests(file, 'failed');
  return failed.length === 0 && file.status === 'failed' ? [failure(fileOf(file), file.message)] : failed;
}

const failuresOfTests = (file, status) =>
  file.assertionResults
    .filter((test) => test.status === status && test.failureMessages.length > 0)
    .map((test) => failure(`${fileOf(file)} > ${test.fullName}`, test.failureMessages.join('\n')));

const fileOf = ({ name }) => path.relative(process.cwd(), name);

/** Of a run, or of whatever else is named, that has told nothing of its tests. */
export const withoutCounts = (test, message = 'it left no report') => ({
  ...{ passed: 0, skipped: 0, failed: 1, mended: [] },
  failures: [failure(test, message)],
});

const failure = (test, message) => ({ test, message: message.trim().slice(0, charactersOfAFailure) });
