/**
 * `npm run bench`: measures the budgets beside the bare thing, in one run. A complete run is written to
 * `bench/results/`, named by the day.
 *
 *   --only P1,P5   these alone      --json FILE   where to write      --gate   status 1 when a must is missed or a
 *   --keep   leaves a private engine running                                   budget could not be measured
 *   --alone  without members of clusters    --brief   fewer rounds: enough for ratios to the bare thing
 */
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { ensureEngine } from '../scripts/engine.mjs';
import { closeConnections } from './http.ts';
import { describeMachine, programVersion } from './machine.ts';
import type { Measure, RoundCount } from './measure.ts';
import { measures } from './measures/index.ts';
import { type BenchOptions, parseOptions, UsageError } from './options.ts';
import { type JudgedFigure, judge, lineOf, passes, type Report, summaryOf } from './report.ts';
import { Stage } from './stage.ts';

const say = (text: string): void => void process.stderr.write(`${text}\n`);

/** Rejects at the first signal that asks to stop, so that everything is put away as after an error. */
function interruption(): Promise<never> {
  const { promise, reject } = Promise.withResolvers<never>();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => reject(new Error(`interrupted by ${signal}`)));
  }
  promise.catch(() => {});
  return promise;
}

async function runMeasures(
  stage: Stage,
  { wanted, alone, brief }: BenchOptions,
  interrupted: Promise<never>,
): Promise<Report> {
  const results: Record<string, readonly JudgedFigure[]> = {};
  const failures: string[] = [];
  for (const measure of measures) {
    const ids = measure.ids.filter((id) => wanted.has(id));
    if (ids.length === 0 || (alone && measure.inCluster)) continue;
    say(`${ids.join(', ')} ${measure.title} …`);
    const failed = await Promise.race([
      measureOne({ measure, ids, rounds: (full, few) => (brief ? few : full) }, stage, results),
      interrupted,
    ]);
    if (failed === null) continue;
    failures.push(failed);
    say(`  failed: ${failed}`);
  }
  return { results, failures };
}

/** Runs a measure and tells its figures; resolves with why it failed, or null. */
async function measureOne(
  { measure, ids, rounds }: { measure: Measure; ids: readonly string[]; rounds: RoundCount },
  stage: Stage,
  results: Record<string, readonly JudgedFigure[]>,
): Promise<string | null> {
  try {
    if (measure.inCluster) await stage.stopDaemon();
    else await stage.startDaemon({ recorded: measure.recorded === true });
    const figures = await measure.run(stage, rounds);
    for (const id of ids) {
      const judged = (figures[id] ?? []).map(judge);
      results[id] = [...(results[id] ?? []), ...judged];
      for (const figure of judged) console.log(lineOf(id, figure));
    }
    return null;
  } catch (error) {
    return `${ids.join(', ')}: ${error instanceof Error ? error.message : String(error)}`;
  }
}

async function write(file: string, report: Report, dockerHost: string): Promise<void> {
  const machine = await describeMachine(dockerHost.replace(/^unix:\/\//, ''));
  const document = { at: new Date().toISOString(), version: await programVersion(), machine, ...report };
  await mkdir(path.dirname(file), { recursive: true });
  await writeFile(file, `${JSON.stringify(document, null, 2)}\n`);
}

function fileOf({ file, complete }: BenchOptions): string | null {
  if (file !== null || !complete) return file;
  return path.resolve(import.meta.dirname, 'results', `${new Date().toISOString().slice(0, 10)}.json`);
}

async function main(): Promise<number> {
  const known = [...new Set(measures.flatMap((measure) => measure.ids))];
  const options = parseOptions(process.argv.slice(2), known);
  const interrupted = interruption();
  await using cleanups = new AsyncDisposableStack();
  const engine = await ensureEngine({ keep: options.keep, log: say });
  cleanups.defer(() => engine.stop());
  // What members of clusters find it by.
  process.env['DOCKER_HOST'] = engine.dockerHost;
  cleanups.defer(() => closeConnections());
  const stage = cleanups.use(await Stage.set(engine.dockerHost));
  await Promise.race([stage.kernelet('image', 'build', 'python', '--if-missing'), interrupted]);
  const report = await runMeasures(stage, options, interrupted);
  const file = fileOf(options);
  if (file !== null) await write(file, report, engine.dockerHost);
  cleanups.defer(() => console.log(summaryOf(report)));
  return options.gate && !passes(report, options.wanted) ? 1 : 0;
}

try {
  process.exitCode = await main();
} catch (error) {
  say(`kernelet: ${error instanceof Error ? error.message : String(error)}`);
  // What a measure that was interrupted waits for would keep the process.
  process.exit(error instanceof UsageError ? 2 : 1);
}
