/** A minute in which everything goes wrong that can, one thing after the other: `npm run chaos` plays it longer. */
import { expect, it } from 'vitest';
import { byDepth } from '../support/depth.ts';
import { seededRandom } from '../support/random.ts';
import { playChaos } from './play-chaos.ts';
import { Stage, type StageName } from './stage.ts';

const seconds = byDepth({ quick: 10, full: 30, nightly: 600 });

// @promise daemon-killed, one-end, engine-hangs, services-away, events-once
it.each<readonly [string, StageName]>([
  ['alone', 'alone'],
  ['a member of a cluster', 'member'],
])(
  `a node that is %s is right again after each trouble, for ${seconds} s of them`,
  { timeout: (seconds + 400) * 1000 },
  async (_, name) => {
    const stage = await Stage.open(name);
    const rounds = await playChaos(stage, seconds, seededRandom(`chaos, ${name}`), ({ text }) => console.log(text));
    const failed = rounds.filter(({ problem }) => problem !== null).map(({ text, problem }) => `${text}\n${problem}`);
    expect(failed).toEqual([]);
    expect(rounds.length).toBeGreaterThan(2);
  },
);
