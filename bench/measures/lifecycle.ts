/**
 * P1, P3, P13, P21 and P22: create and destroy, beside the same container made bare. Each round creates a kernel through the
 * API, runs a first query in it, destroys it, and then sends the very body that the engine got to the engine directly,
 * with the same folders in place.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { BareTwin } from '../bare-twin.ts';
import { bodyOf, call, open } from '../http.ts';
import type { Measure } from '../measure.ts';
import type { Stage } from '../stage.ts';
import { median, percentile } from '../statistics.ts';

const warmUps = 2;
/** From the engine's reply to start to the destruction, bare or not: runner and interpreter are up and idle by then. */
const lifeMs = 500;

/** The milliseconds of one round. */
interface Round {
  readonly startReply: number;
  readonly ready: number;
  readonly answered: number;
  /** Of the time until ready, what writes of the journal took. */
  readonly journal: number;
  readonly destroyed: number;
  readonly bareStart: number;
  readonly bareDestroy: number;
}

/** Asks a kernel of Python a query, and waits for the answer. */
export async function firstAnswer(stage: Stage, id: string): Promise<void> {
  const name = randomUUID();
  const request = { mode: 'query', code: '6 * 7', timeoutMs: null };
  await call(stage.socket, 'POST', `/v1/kernels/${id}/runs`, { run: name, request });
  const events = await bodyOf(await open(stage.socket, 'GET', `/v1/kernels/${id}/runs/${name}/events`));
  if (!events.includes('{"type":"text/plain","text":"42"}')) throw new Error(`no answer: ${events.toString()}`);
}

/** How long writes of the journal have taken until now. */
async function journalMs(stage: Stage): Promise<number> {
  const text = (await bodyOf(await open(stage.socket, 'GET', '/metrics'))).toString();
  const series = 'kernelet_operation_duration_seconds_sum{component="journal",operation="write",outcome="ok"} ';
  const line = text.split('\n').find((one) => one.startsWith(series));
  // There is none before the first kernel.
  return Number(line?.slice(series.length) ?? 0) * 1000;
}

async function untilAge(startedAt: number): Promise<void> {
  await sleep(Math.max(0, startedAt + lifeMs - performance.now()));
}

async function oneRound(stage: Stage): Promise<Round> {
  const journalBefore = await journalMs(stage);
  const begun = performance.now();
  const id = await stage.create();
  const ready = performance.now();
  const journal = (await journalMs(stage)) - journalBefore;
  if (!(journal > 0)) throw new Error('the daemon has counted no write of the journal during a creation');
  const asked = performance.now();
  await firstAnswer(stage, id);
  const answered = performance.now();
  const startReply = stage.proxy.lastStartReply;
  const body = stage.proxy.creations.at(-1)?.body;
  await using twin = await BareTwin.of(stage, body);
  await untilAge(startReply);
  const ending = performance.now();
  await stage.destroy(id);
  const destroyed = performance.now();

  await twin.restore();
  const bareBegun = performance.now();
  const bare = await stage.startBare(body);
  const bareStarted = performance.now();
  await untilAge(bareStarted);
  const bareEnding = performance.now();
  await stage.destroyBare(bare);
  const bareDestroyed = performance.now();
  return {
    startReply: startReply - begun,
    ready: ready - begun,
    answered: answered - asked + ready - begun,
    journal,
    destroyed: destroyed - ending,
    bareStart: bareStarted - bareBegun,
    bareDestroy: bareDestroyed - bareEnding,
  };
}

export const lifecycle: Measure = {
  ids: ['P1', 'P3', 'P13', 'P21', 'P22'],
  title: 'create and destroy',
  recorded: true,
  async run(stage, rounds) {
    const all: Round[] = [];
    const count = rounds(30, 8);
    for (let round = -warmUps; round < count; round += 1) {
      const times = await oneRound(stage);
      if (round >= 0) all.push(times);
    }
    const each = (take: (round: Round) => number): number[] => all.map(take);
    const overhead = each((round) => round.startReply - round.bareStart);
    const bareStart = median(each((round) => round.bareStart));
    const beside = { bare: bareStart, kernelet: median(each((round) => round.startReply)) };
    const unit = 'ms';
    return {
      P1: [
        { name: 'create over bare, p50', value: median(overhead), unit, must: 30, goal: 8, beside },
        { name: 'create over bare, p99', value: percentile(overhead, 0.99), unit, must: 120, goal: 40 },
      ],
      P3: [
        {
          name: 'start reply → kernel ready, p50',
          value: median(each((round) => round.ready - round.startReply)),
          unit,
          must: 100,
          goal: 40,
        },
      ],
      P13: [
        {
          name: 'destroy over bare kill + remove, p50',
          value: median(each((round) => round.destroyed - round.bareDestroy)),
          unit,
          must: 30,
          goal: 5,
          beside: {
            bare: median(each((round) => round.bareDestroy)),
            kernelet: median(each((round) => round.destroyed)),
          },
        },
      ],
      P21: [
        {
          name: 'request → first answer of Python over bare, p50',
          value: median(each((round) => round.answered - round.bareStart)),
          unit,
          must: 130,
          goal: 50,
          beside: { bare: bareStart, kernelet: median(each((round) => round.answered)) },
        },
      ],
      P22: [
        {
          name: 'the journal’s share of a creation, p50',
          value: median(each((round) => round.journal)),
          unit,
          must: 10,
          goal: 3,
        },
      ],
    };
  },
};
