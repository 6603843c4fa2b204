/**
 * `node test/simulation/main.ts`: plays schedules. `--seed N` and `--file PATH` play one and print what happens in it; `--from N
 * --count N` play many and print how they fail. Status 1 when one fails.
 */
import { readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import './world/interposition.ts';
import './world/packages.ts';
import type { Schedule } from './schedule.ts';

const { play } = await import('./play.ts');
const { simulatedSettings } = await import('./settings.ts');
const { scheduleOf } = await import('./schedule.ts');
const { kindOf } = await import('./shrink.ts');

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    file: { type: 'string' },
    from: { type: 'string', default: '1' },
    count: { type: 'string', default: '100' },
  },
});
const settings = await simulatedSettings();

async function show(schedule: Schedule): Promise<boolean> {
  const { transcript, violation, events } = await play(schedule, settings);
  console.log([...transcript, `${events} events; ${violation ?? 'every invariant holds'}`].join('\n'));
  return violation === null;
}

async function playMany(from: number, count: number): Promise<boolean> {
  const begun = performance.now();
  const seedsOf = new Map<string, number[]>();
  const longest = new Map<string, number>();
  for (let seed = from; seed < from + count; seed += 1) {
    const { violation, longest: own } = await play(scheduleOf(seed), settings);
    for (const [what, ms] of own) longest.set(what, Math.max(Math.round(ms), longest.get(what) ?? 0));
    if (violation === null) continue;
    const kind = kindOf(violation);
    seedsOf.set(kind, [...(seedsOf.get(kind) ?? []), seed]);
  }
  for (const [kind, seeds] of seedsOf)
    console.log(`${kind}: ${seeds.length} times, seeds ${seeds.slice(0, 8).join(' ')}`);
  const waits = [...longest].map(([what, ms]) => `${what} ${ms} ms`).join(', ');
  const each = ((performance.now() - begun) / count).toFixed(1);
  console.log(`${count} schedules of ${each} ms; the longest waits: ${waits}`);
  return seedsOf.size === 0;
}

async function main(): Promise<boolean> {
  if (values.file !== undefined) return await show(JSON.parse(await readFile(values.file, 'utf8')) as Schedule);
  if (values.seed !== undefined) return await show(scheduleOf(Number(values.seed)));
  return await playMany(Number(values.from), Number(values.count));
}

process.exit((await main()) ? 0 : 1);
