/**
 * `npm run bench`: measures the budgets beside the bare thing, in one run, and writes them to `bench/results/`.
 *
 *   --only P1,P5   these alone      --json FILE   where to write      --gate   status 1 when a must is missed
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { cpus, release, totalmem } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { ensureEngine } from '../scripts/engine.mjs';
import { closeConnections } from './http.ts';
import { type Figure, type Measure, verdict } from './measure.ts';
import { measures } from './measures/index.ts';
import { Stage } from './stage.ts';
import { rounded } from './statistics.ts';

const { values: options } = parseArgs({
  options: {
    only: { type: 'string' },
    json: { type: 'string' },
    gate: { type: 'boolean', default: false },
    keep: { type: 'boolean', default: false },
  },
});

const known = measures.flatMap((measure) => measure.ids);
const wanted = new Set(options.only ? options.only.split(',').map((id) => id.trim().toUpperCase()) : known);
const unknown = [...wanted].filter((id) => !known.includes(id));
if (unknown.length > 0) {
  process.stderr.write(`kernelet: no budget ${unknown.join(', ')}; there are ${known.join(', ')}\n`);
  process.exit(2);
}

const results: Record<string, readonly (Figure & { readonly verdict: string })[]> = {};
const failures: string[] = [];

async function runMeasure(measure: Measure, stage: Stage): Promise<void> {
  process.stderr.write(`${measure.ids.join(', ')} ${measure.title} …\n`);
  try {
    for (const [id, figures] of Object.entries(await measure.run(stage))) {
      if (!wanted.has(id)) continue;
      results[id] = figures.map((figure) => ({ ...figure, value: rounded(figure.value), verdict: verdict(figure) }));
      for (const figure of results[id]) {
        const bound = figure.larger ? '≥' : '≤';
        console.log(
          `${id.padEnd(4)} ${figure.name.padEnd(58)} ${String(figure.value).padStart(8)} ${figure.unit.padEnd(5)} must ${bound} ${figure.must}, goal ${bound} ${figure.goal}: ${figure.verdict}`,
        );
      }
    }
  } catch (error) {
    failures.push(`${measure.ids.join(', ')}: ${error instanceof Error ? error.message : String(error)}`);
    process.stderr.write(`  failed: ${failures.at(-1)}\n`);
  }
}

async function main(): Promise<number> {
  await using cleanups = new AsyncDisposableStack();
  const engine = await ensureEngine({ keep: options.keep, log: (text: string) => process.stderr.write(`${text}\n`) });
  cleanups.defer(() => engine.stop());
  const stage = cleanups.use(await Stage.set(engine.dockerHost));
  cleanups.defer(() => closeConnections());
  await stage.kernelet('image', 'build', 'python', '--if-missing');
  await stage.startDaemon();
  for (const measure of measures) if (measure.ids.some((id) => wanted.has(id))) await runMeasure(measure, stage);

  const file =
    options.json ?? path.resolve(import.meta.dirname, 'results', `${new Date().toISOString().slice(0, 10)}.json`);
  const { version } = JSON.parse(await readFile(path.resolve(import.meta.dirname, '..', 'package.json'), 'utf8'));
  await mkdir(path.dirname(file), { recursive: true });
  const machine = {
    cpus: cpus().length,
    model: cpus()[0]?.model ?? '',
    memoryBytes: totalmem(),
    kernel: release(),
    node: process.version,
  };
  await writeFile(
    file,
    `${JSON.stringify({ at: new Date().toISOString(), version, machine, results, failures }, null, 2)}\n`,
  );

  const figures = Object.values(results).flat();
  const missed = figures.filter((figure) => figure.verdict === 'missed').length;
  const goals = figures.filter((figure) => figure.verdict === 'goal').length;
  console.log(
    `${figures.length} figures: ${goals} reach the goal, ${figures.length - goals - missed} the must, ${missed} miss it; ${failures.length} measures failed`,
  );
  return options.gate && (missed > 0 || failures.length > 0) ? 1 : 0;
}

process.exitCode = await main();
