/** The whole agent in simulated worlds: whatever befalls a node, what it promises holds. */
import { describe, expect, it } from 'vitest';
import { byDepth, depth } from '../support/depth.ts';
import { seededRandom } from '../support/random.ts';
import { playSchedules, playSeeds } from './player.ts';
import { keepRegression, regressions } from './regressions.ts';
import type { Failure } from './worker-messages.ts';

const count = byDepth({ quick: 500, full: 10_000, nightly: 100_000 });
const minuteMs = 60_000;

async function report(failures: readonly Failure[]): Promise<string> {
  const texts = failures.map(async (failure) => {
    const file = await keepRegression(failure);
    return [`seed ${failure.seed}: ${failure.violation} (kept in ${file})`, ...failure.transcript].join('\n');
  });
  return (await Promise.all(texts)).join('\n\n');
}

describe('a simulated node', () => {
  // @promise reboot
  it('keeps its promises in every schedule that has broken one before', { timeout: minuteMs }, async () => {
    const known = await regressions();
    const { failures } = await playSchedules([...known.values()]);
    expect(failures.map(({ violation, transcript }) => [violation, ...transcript].join('\n'))).toEqual([]);
  });

  it('does the same whenever a seed is played again', { timeout: minuteMs }, async () => {
    const { failures } = await playSeeds(1, 50, { twice: true });
    expect(failures.map(({ seed, violation }) => `seed ${seed}: ${violation}`)).toEqual([]);
  });

  // The nights look where nobody has looked before.
  // @promise daemon-killed, homes-kept, foreign-untouched, one-end, resources-add-up, events-once, services-away
  it(`keeps its promises in ${count} schedules`, { timeout: 10 * 60 * minuteMs }, async () => {
    const from = depth === 'nightly' ? seededRandom('simulation').seed : 1;
    const { played, failures } = await playSeeds(from, count, { twice: false });
    expect(await report(failures)).toBe('');
    expect(played).toBe(count);
  });
});
