/** Schedules that have failed once, as files of this folder's `regressions`: they are played before all others. */
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Schedule } from './schedule.ts';

/** One that has failed, and how. */
export interface Regression extends Schedule {
  /** What did not hold, when it was found. */
  readonly violation: string;
}

const folder = path.join(import.meta.dirname, 'regressions');

/** All of them, by the names of their files. */
export async function regressions(): Promise<ReadonlyMap<string, Regression>> {
  const names = (await readdir(folder).catch(() => [])).filter((name) => name.endsWith('.json')).sort();
  const read = async (name: string) =>
    [name, JSON.parse(await readFile(path.join(folder, name), 'utf8')) as Regression] as const;
  return new Map(await Promise.all(names.map(read)));
}

/** Keeps one; answers its file. */
export async function keepRegression(regression: Regression): Promise<string> {
  const { violation, seed, steps, startsAgain = false, isOnlyFault = false, isMember = false } = regression;
  const file = path.join(folder, `seed-${seed}.json`);
  const lines = steps.map((step) => `    ${JSON.stringify(step)}`);
  await mkdir(folder, { recursive: true });
  await writeFile(
    file,
    `{\n  "violation": ${JSON.stringify(violation)},\n  "seed": ${seed},\n  "startsAgain": ${startsAgain},\n  "isOnlyFault": ${isOnlyFault},\n  "isMember": ${isMember},\n  "steps": [\n${lines.join(',\n')}\n  ]\n}\n`,
  );
  return file;
}
