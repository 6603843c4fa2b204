/**
 * `npm run conformance -- --vectors DIR`: runs every vector file in and below DIR, each recognised by its content. One
 * line for each file; the last line is `N passed, N failed`, counting cases. Status 1 when one fails, when a file is of
 * no known kind, or when there is no case at all.
 */
import { parseArgs } from 'node:util';
import { describeOutcome, runFile, vectorFiles } from './run-vectors.ts';

async function main(): Promise<number> {
  const { values } = parseArgs({ options: { vectors: { type: 'string', multiple: true } } });
  let [passed, failed] = [0, 0];
  for (const place of values.vectors ?? ['test/vectors']) {
    for (const file of await vectorFiles(place)) {
      const outcome = await runFile(file);
      passed += outcome.passed;
      failed += outcome.failed.length;
      for (const line of describeOutcome(outcome)) console.log(line);
    }
  }
  if (passed + failed === 0) process.stderr.write('kernelet: no case was found; give a folder with --vectors DIR\n');
  console.log(`${passed} passed, ${failed} failed`);
  return passed > 0 && failed === 0 ? 0 : 1;
}

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`kernelet: ${error instanceof Error ? error.message : String(error)}\n`);
  console.log('0 passed, 1 failed');
  process.exitCode = 1;
}
