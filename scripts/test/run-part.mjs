// Runs one part of the tests in a vitest of its own, and says what came of it.
import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import path from 'node:path';

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
export async function runPart(name, { scratch, filters, environ, signal, quietly }) {
  const report = path.join(scratch, `${name}.json`);
  const begun = performance.now();
  const child = spawn(
    process.execPath,
    [
      ...['node_modules/vitest/vitest.mjs', 'run', '--project', name],
      ...['--reporter=default', '--reporter=json', `--outputFile.json=${report}`],
      // On two cores vitest would take one worker, and units wait more than they work.
      ...(name === 'unit' ? ['--maxWorkers=2'] : []),
      // A part of the tests says nothing of what all of them reach.
      ...(name === 'unit' && filters.length === 0 ? ['--coverage'] : []),
      ...(filters.length > 0 ? ['--passWithNoTests', ...filters] : []),
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
  const minutes = (performance.now() - begun) / 60_000;
  return { name, minutes, ...(await countsOf(report, status)) };
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
