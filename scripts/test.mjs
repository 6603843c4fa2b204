// Runs the tests: units, then everything against a real engine, which is started when none answers. The last line is
// `N passed, N failed`. `--quick` leaves out the long randomised loops, `--nightly` lengthens them; further arguments
// go to vitest.
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { ensureEngine } from './engine.mjs';

const args = process.argv.slice(2);
const own = new Set(['--quick', '--nightly', '--keep']);
const depth = args.includes('--nightly') ? 'nightly' : args.includes('--quick') ? 'quick' : 'full';
const passed = args.filter((argument) => !own.has(argument));

const say = (text) => process.stderr.write(`${text}\n`);
const scratch = await mkdtemp(path.join(tmpdir(), 'kernelet-test-'));
const report = path.join(scratch, 'report.json');

let engine;
let status = 1;
let summary = '0 passed, 1 failed';
try {
  engine = await ensureEngine({ keep: args.includes('--keep'), log: say });
  status = await new Promise((resolve, reject) => {
    const child = spawn(
      process.execPath,
      [
        'node_modules/vitest/vitest.mjs',
        'run',
        '--reporter=default',
        '--reporter=json',
        `--outputFile.json=${report}`,
        ...passed,
      ],
      { stdio: 'inherit', env: { ...process.env, DOCKER_HOST: engine.dockerHost, KERNELET_TEST_DEPTH: depth } },
    );
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
    child.on('error', reject);
    child.on('exit', (code) => resolve(code ?? 1));
  });
  const counts = JSON.parse(await readFile(report, 'utf8'));
  // A file that fails before its first test counts as one failure.
  const brokenFiles = counts.testResults.filter(
    (file) => file.status === 'failed' && file.assertionResults.length === 0,
  ).length;
  const failed = counts.numFailedTests + brokenFiles;
  if (status === 0 && failed > 0) status = 1;
  summary = `${counts.numPassedTests} passed, ${status !== 0 && failed === 0 ? 1 : failed} failed`;
} catch (error) {
  say(`kernelet: ${error instanceof Error ? error.message : String(error)}`);
} finally {
  await engine?.stop();
  await rm(scratch, { recursive: true, force: true });
}
console.log(summary);
process.exit(status);
