/** A daemon under steady, varied load, which must have no more of anything at its end than when it was warm. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { byDepth } from '../support/depth.ts';
import { type Allowance, leaksIn, type Sample } from '../support/flatness.ts';
import { callApi } from '../support/local-api.ts';
import { type SeededRandom, seededRandom } from '../support/random.ts';
import { type Work, workOf } from './load.ts';
import { SoakedNode } from './soaked-node.ts';

const minutes = byDepth({ quick: 1, full: 3, nightly: 60 });
/** A round is done in half of that on two cores that do nothing else. */
const roundMs = 8_000;
const leastRounds = 8;
const atOnce = 3;
/** More than a runner and its client remember of runs that have ended. */
const runsToWarmUp = 150;

/**
 * What may be added: nothing that lasts, but a few connections to the engine, of which some are kept open; the newest events and
 * ended kernels, of which so many are kept that three minutes do not fill them; and what the system leaves the process of its memory.
 */
const allowances: Readonly<Record<string, Allowance>> = {
  'descriptor socket': { once: 4, perHundred: 0.5 },
  'object Socket': { once: 4, perHundred: 0.5 },
  'object EventEmitter': { once: 4, perHundred: 0.5 },
  'object Function': { once: 40, perHundred: 0.5 },
  'object Object': { once: 100, perHundred: byDepth({ quick: 3_000, full: 3_000, nightly: 1_000 }) },
  'heap KB': { once: 100, perHundred: byDepth({ quick: 1_000, full: 1_000, nightly: 150 }) },
  'external KB': { once: 100, perHundred: byDepth({ quick: 100, full: 100, nightly: 10 }) },
  'resident KB': { once: 2_000, perHundred: byDepth({ quick: 5_000, full: 5_000, nightly: 300 }) },
};
const mayGrow = (kind: string): Allowance => allowances[kind] ?? { once: 2, perHundred: 0.5 };

/** Does all of it in an order of chance, a few things at once. */
async function play(works: readonly Work[], random: SeededRandom): Promise<void> {
  const order = works.map((work) => ({ work, place: random.fraction() })).toSorted((a, b) => a.place - b.place);
  const waiting = order.values();
  const lane = async (): Promise<void> => {
    for (const { work } of waiting) {
      await work.begin().catch((cause: unknown) => {
        throw new Error(`${work.name} failed`, { cause });
      });
    }
  };
  const lanes = await Promise.allSettled(Array.from({ length: atOnce }, lane));
  for (const outcome of lanes) if (outcome.status === 'rejected') throw outcome.reason;
}

// @promise nothing-leaks, steady
it(`a daemon has no more of anything after ${minutes} minutes of work than when it was warm`, {
  timeout: (minutes + 5) * 2 * 60_000,
}, async () => {
  await using cleanups = new AsyncDisposableStack();
  const folder = await mkdtemp(path.join(tmpdir(), 'kernelet-soak-'));
  cleanups.defer(() => rm(folder, { recursive: true, force: true }));
  // What is kept for a day on purpose would look like a leak in three minutes.
  const node = cleanups.use(await SoakedNode.start(folder, '[kernelet]\ntrash-keep = "0s"\n'));
  const created = await callApi(node.socket, 'POST', '/v1/kernels', { body: { language: 'python' } });
  const { id } = created.document as { readonly id: string };
  const works = workOf(node, id);
  for (let run = 0; run < runsToWarmUp; run += 1) await works[0]?.begin();

  const random = seededRandom('soak');
  const samples: Sample[] = [];
  const end = performance.now() + minutes * 60_000;
  while (performance.now() < end || samples.length < leastRounds) {
    const begun = performance.now();
    await play(works, random);
    samples.push({ operations: (samples.length + 1) * works.length, counts: await node.atRest(1) });
    await sleep(Math.max(0, begun + roundMs - performance.now()));
  }
  console.log(`soak: ${samples.length} rounds; at the end ${JSON.stringify(samples.at(-1))}`);
  expect(leaksIn(samples, mayGrow), node.said).toEqual([]);
  await node[Symbol.asyncDispose]();
  expect(await node.left()).toEqual({ container: 0, network: 0, volume: 0, 'firewall rule': 0 });
});
