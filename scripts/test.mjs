// Runs the tests part by part (scripts/test/parts.mjs), against a container engine that is started when none answers.
// Says how many minutes each part took, what failed and what was left behind; the last line is `N passed, N failed`. `--part NAME` runs one, and may be given
// again; `--quick` leaves out the long randomised loops, `--nightly` lengthens them; `--resume` takes the outcomes of parts that
// passed in an earlier run of the same sources and depth; further arguments are file filters.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { ensureEngine } from './engine.mjs';
import { EarlierOutcomes } from './test/earlier-outcomes.mjs';
import { leftSince, takeStock } from './test/leftovers.mjs';
import { readArguments } from './test/parts.mjs';
import { runMutation } from './test/run-mutation.mjs';
import { runPart } from './test/run-part.mjs';

const say = (text) => process.stderr.write(`${text}\n`);

/** Runs the parts in their places; what runs beside the line says so at its end. */
async function runParts({ chosen, filters, depth, resumes }, engine, scratch, earlier, signal) {
  const environ = { ...process.env, KERNELET_TEST_DEPTH: depth };
  if (engine) environ.DOCKER_HOST = engine.dockerHost;
  const run = async (part, quietly) => {
    const before = resumes ? earlier?.passed(part.name) : null;
    if (before) return { ...before, isEarlier: true };
    const options = { scratch, filters, environ, signal, quietly };
    const outcome = await (part.mutated ? runMutation(part.name, part.mutated, options) : runPart(part.name, options));
    if (!signal.aborted) earlier?.keep(outcome);
    return outcome;
  };
  const inPlace = (place) => chosen.filter((part) => part.place === place);
  const inLine = async (line, quietly = false) => {
    const outcomes = [];
    for (const part of line) if (!signal.aborted) outcomes.push(await run(part, quietly));
    return outcomes;
  };
  const line = inPlace('line');
  const [outcomes, besides] = await Promise.all([inLine(line), inLine(inPlace('beside'), line.length > 0)]);
  return [...outcomes, ...besides, ...(await inLine(inPlace('alone')))];
}

function tableOf(outcomes) {
  const row = (...cells) => cells.map((cell, index) => (index === 0 ? cell.padEnd(31) : cell.padStart(9))).join('');
  const lines = outcomes.map(({ name, minutes, passed, skipped, failed, isEarlier }) =>
    [
      row(name, minutes.toFixed(1), String(passed), String(skipped), String(failed)),
      ...(isEarlier ? ['  (in an earlier run)'] : []),
    ].join(''),
  );
  return ['', row('part', 'minutes', 'passed', 'skipped', 'failed'), ...lines, ''].join('\n');
}

/** Once more at the end, where they are found without the output of all that passed. */
function failuresOf(outcomes) {
  const told =
    (word, part) =>
    ({ test, message }) =>
      `${word} ${part}: ${test}\n${message.replaceAll(/^/gm, '  ')}\n`;
  return outcomes.flatMap(({ name, failures, mended }) => [
    ...mended.map(told('PASSED AT THE SECOND TRY', name)),
    ...failures.map(told('FAILED', name)),
  ]);
}

async function main(stop) {
  const asked = readArguments(process.argv.slice(2));
  const scratch = await mkdtemp(path.join(tmpdir(), 'kernelet-test-'));
  // What file filters leave of a part says nothing of the part.
  const earlier = asked.filters.length > 0 ? null : new EarlierOutcomes(asked);
  if (asked.resumes && !earlier?.isKept)
    throw new Error('--resume needs a git checkout, which tells of what sources an outcome is');
  await earlier?.load();
  let engine;
  try {
    if (asked.chosen.some(({ needsEngine }) => needsEngine))
      engine = await ensureEngine({ keep: asked.keep, log: say });
    const before = await takeStock(engine?.dockerHost);
    const outcomes = await runParts(asked, engine, scratch, earlier, stop);
    // Of tests that were stopped something may stay.
    if (!stop.aborted) outcomes.push(await leftSince(before, engine?.dockerHost));
    console.log([tableOf(outcomes), ...failuresOf(outcomes)].join('\n'));
    const sum = (key) => outcomes.reduce((total, outcome) => total + outcome[key], 0);
    const [passed, failed] = [sum('passed'), sum('failed')];
    if (passed + failed > 0 && !stop.aborted) return { passed, failed };
    say(stop.aborted ? 'kernelet: the tests were stopped' : 'kernelet: no test ran');
    return { passed, failed: failed + 1 };
  } finally {
    await engine?.stop();
    await rm(scratch, { recursive: true, force: true });
  }
}

const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => stop.abort());
const { passed, failed } = await main(stop.signal).catch((error) => {
  say(`kernelet: ${error instanceof Error ? error.message : String(error)}`);
  return { passed: 0, failed: 1 };
});
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
