/**
 * P2, P13 and P21 over RPC, from the call to the event on the stream, beside the same containers made bare: by themselves,
 * and ten in one call at the parallelism that the agent has.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Member } from '../../test/support/cluster/member.ts';
import { BareTwin } from '../bare-twin.ts';
import type { Figure, Measure } from '../measure.ts';
import { inParallel, startCluster, timesOf } from '../member.ts';
import type { Stage } from '../stage.ts';
import { median } from '../statistics.ts';

const warmUps = 1;
const rounds = 15;
const groupRounds = 3;
const groupSize = 10;
/** How many creations of a call go on at once, unless a cluster says otherwise. */
const parallelCreations = 4;
/** From the start to the end, bare or not: runner and interpreter are up and idle by then. */
const lifeMs = 500;

/** The milliseconds of one round, from the beginning to the last kernel of it. */
interface Round {
  readonly started: number;
  readonly ended: number;
  readonly bareStarted: number;
  readonly bareEnded: number;
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const begun = performance.now();
  await work();
  return performance.now() - begun;
}

async function oneRound(stage: Stage, member: Member, count: number): Promise<Round> {
  const earlier = stage.proxy.creations.length;
  const begun = Date.now();
  const kernels = await member.createMany(count);
  const started = Math.max(...(await timesOf(member, 'kernel_started', kernels))) - begun;
  await using twins = new AsyncDisposableStack();
  const bodies: BareTwin[] = [];
  for (const { body } of stage.proxy.creations.slice(earlier)) bodies.push(twins.use(await BareTwin.of(stage, body)));
  if (bodies.length !== count) throw new Error(`the engine was asked for ${bodies.length} containers, not ${count}`);
  await sleep(lifeMs);
  const ending = Date.now();
  await Promise.all(kernels.map((kernel) => member.destroy(kernel)));
  const ended = Math.max(...(await timesOf(member, 'kernel_terminated', kernels))) - ending;

  for (const twin of bodies) await twin.restore();
  const bare: string[] = [];
  const bareStarted = await timed(() =>
    inParallel(bodies, parallelCreations, async ({ body }) => void bare.push(await stage.startBare(body))),
  );
  await sleep(lifeMs);
  const bareEnded = await timed(() => Promise.all(bare.map((id) => stage.destroyBare(id))));
  return { started, ended, bareStarted, bareEnded };
}

async function play(
  stage: Stage,
  member: Member,
  count: number,
  times: number,
): Promise<(take: keyof Round) => number> {
  const all: Round[] = [];
  for (let round = -warmUps; round < times; round += 1) {
    const one = await oneRound(stage, member, count);
    if (round >= 0) all.push(one);
  }
  return (take) => median(all.map((round) => round[take]));
}

async function measure(stage: Stage): Promise<Record<string, Figure[]>> {
  await using cluster = await startCluster({ dockerHost: `unix://${stage.proxySocket}` });
  const { member } = cluster;
  const one = await play(stage, member, 1, rounds);
  const ten = await play(stage, member, groupSize, groupRounds);
  const unit = 'ms';
  return {
    P21: [
      {
        name: 'create → kernel_started over bare, p50',
        value: one('started') - one('bareStarted'),
        unit,
        must: 230,
        goal: 60,
        beside: { bare: one('bareStarted'), kernelet: one('started') },
      },
    ],
    P13: [
      {
        name: 'destroy → kernel_terminated over bare, p50',
        value: one('ended') - one('bareEnded'),
        unit,
        must: 30,
        goal: 5,
        beside: { bare: one('bareEnded'), kernelet: one('ended') },
      },
      {
        name: 'destroy 10 at once ÷ bare 10 at once',
        value: ten('ended') / ten('bareEnded'),
        unit: '',
        must: 1.15,
        goal: 0.9,
        beside: { bare: ten('bareEnded'), kernelet: ten('ended') },
      },
    ],
    P2: [
      {
        name: '10 kernels in one call ÷ bare at 4 at once',
        value: ten('started') / ten('bareStarted'),
        unit: '',
        must: 1.3,
        goal: 1.05,
        beside: { bare: ten('bareStarted'), kernelet: ten('started') },
      },
    ],
  };
}

export const memberLifecycle: Measure = {
  ids: ['P2', 'P13', 'P21'],
  title: 'create and destroy over RPC',
  inCluster: true,
  run: measure,
};
