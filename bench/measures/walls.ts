/**
 * WALLS: what the walls cost a creation. Three daemons at a time make a kernel each in every round, one after the other, the
 * first of them another in each: one without walls, one as it is by default, and one whose homes are limited too. What counts
 * is the difference within a round. Without walls a kernel has the engine's own filter of system calls and hidden paths, a
 * root file system that can be written, the user of all others, and any number of connections.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Figure, Measure } from '../measure.ts';
import type { Rewrite } from '../recording-proxy.ts';
import { Stage, type StageOptions } from '../stage.ts';
import { median } from '../statistics.ts';
import { firstAnswer } from './lifecycle.ts';

const warmUps = 2;
/** From an end to the next creation: networks and homes are made ahead again by then. */
const restMs = 1_500;

const without = `
[container]
kernel-uid = 1000
[kernelet]
writable-root = "always"
connection-limit = 0
`;
const limitedHomes = `
[container]
scratch-type = "hostfile"
scratch-size = "1g"
`;

/** What engines do by themselves when they are asked for nothing else. */
const asEnginesDo: Rewrite = (body) => {
  const { SecurityOpt: options, MaskedPaths: _masked, ReadonlyPaths: _readOnly, ...host } = Object(body['HostConfig']);
  const others = Array.isArray(options) ? options.filter((one) => !String(one).startsWith('seccomp=')) : [];
  return { ...body, HostConfig: { ...host, SecurityOpt: others } };
};

/** Milliseconds from the request. */
interface Times {
  /** Until the engine said that the container is started. */
  readonly started: number;
  readonly answered: number;
}

async function creation(stage: Stage): Promise<Times> {
  const begun = performance.now();
  const id = await stage.create();
  await firstAnswer(stage, id);
  const answered = performance.now() - begun;
  const started = stage.proxy.lastStartReply - begun;
  await stage.destroy(id);
  await sleep(restMs);
  return { started, answered };
}

/** The creations of one round, of each stage at its place. */
async function oneRound(stages: readonly Stage[], first: number): Promise<readonly Times[]> {
  const times: Times[] = [];
  for (let turn = 0; turn < stages.length; turn += 1) {
    const at = (first + turn) % stages.length;
    const stage = stages[at];
    if (stage) times[at] = await creation(stage);
  }
  return times;
}

export const walls: Measure = {
  ids: ['WALLS'],
  title: 'creations with walls and without',
  async run({ engineSocket }, rounds) {
    await using stages = new AsyncDisposableStack();
    const set: Stage[] = [];
    const options: readonly StageOptions[] = [
      { name: 'bench-without-walls', settings: without, rewrite: asEnginesDo },
      { name: 'bench-walls', settings: '' },
      { name: 'bench-limited-homes', settings: limitedHomes },
    ];
    for (const one of options) {
      const stage = stages.use(await Stage.set(`unix://${engineSocket}`, one));
      await stage.startDaemon({ recorded: true });
      set.push(stage);
    }
    const all: (readonly Times[])[] = [];
    const count = rounds(30, 6);
    for (let round = -warmUps; round < count; round += 1) {
      const times = await oneRound(set, (round + warmUps) % set.length);
      if (round >= 0) all.push(times);
    }
    const figure = (name: string, which: number, take: (times: Times | undefined) => number): Figure => {
      const of = (index: number) => all.map((times) => take(times[index]));
      const value = median(all.map((times) => take(times[which]) - take(times[0])));
      return {
        name,
        value,
        unit: 'ms',
        must: 10,
        goal: 5,
        beside: { without: median(of(0)), with: median(of(which)) },
      };
    };
    const started = (times: Times | undefined) => times?.started ?? Number.NaN;
    const answered = (times: Times | undefined) => times?.answered ?? Number.NaN;
    return {
      WALLS: [
        figure('request → start reply, by walls, p50', 1, started),
        figure('request → first answer, by walls, p50', 1, answered),
        figure('request → start reply, by a limited home too, p50', 2, started),
        figure('request → first answer, by a limited home too, p50', 2, answered),
      ],
    };
  },
};
