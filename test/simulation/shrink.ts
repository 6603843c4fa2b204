/** Makes a schedule that fails shorter, as long as it fails in the same way. */
import type { Schedule, Step } from './schedule.ts';

/** The way in which one fails: of its text what is not of one kernel or moment. */
export const kindOf = (violation: string): string =>
  violation.replaceAll(/\d+/g, 'N').replaceAll(/kernel\.\S+/g, 'NAME');

/** Tries so many shorter ones at most. */
const maxTries = 300;

/** Drops actions, many at a time and then singly. `fails` plays one and answers how it fails; null = not at all. */
export async function shrink(
  schedule: Schedule,
  kind: string,
  fails: (shorter: Schedule) => Promise<string | null>,
): Promise<Schedule> {
  let { steps } = schedule;
  let tries = 0;
  const stillFails = async (shorter: readonly Step[]): Promise<boolean> => {
    tries += 1;
    return (await fails({ ...schedule, steps: shorter })) === kind;
  };
  for (
    let size = Math.ceil(steps.length / 2);
    size >= 1 && tries < maxTries;
    size = size === 1 ? 0 : Math.ceil(size / 2)
  ) {
    for (let from = 0; from < steps.length && tries < maxTries; ) {
      const shorter = [...steps.slice(0, from), ...steps.slice(from + size)];
      if (await stillFails(shorter)) steps = shorter;
      else from += size;
    }
  }
  return { ...schedule, steps };
}
