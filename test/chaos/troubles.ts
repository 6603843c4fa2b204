/** What goes wrong on every stage, each at an instant of chance. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Fault } from '../support/fault-proxy.ts';
import type { SeededRandom } from '../support/random.ts';
import type { Trouble } from './chaos-node.ts';
import type { Stage } from './stage.ts';

/** By when the work of a round has mostly been done. */
const spanMs = 1_500;
const calls = [
  { what: 'creations', method: 'POST', path: /^\/containers\/create$/ },
  { what: 'starts and kills', method: 'POST', path: /^\/containers\/[^/]+\/(?:start|kill)$/ },
  { what: 'inspections', method: 'GET', path: /^\/containers\/[^/]+\/json$/ },
  { what: 'removals', method: 'DELETE', path: /^\/containers\/[^/]+$/ },
] as const;

/** All troubles of a stage. */
export function troublesOf(stage: Stage): readonly Trouble[] {
  /** The engine does one kind of call wrong, up to three times. */
  const engineTrouble = (name: string, faultOf: (random: SeededRandom) => Fault): Trouble => ({
    name,
    // It may refuse one removal again and again.
    mayCount: ['failed-clean-up'],
    make: async (random) => {
      const [{ what, ...call }, fault, times] = [random.oneOf(calls), faultOf(random), random.between(1, 3)];
      using planted = stage.proxy.plant({ ...call, fault, times });
      await sleep(spanMs);
      return `of ${what}, ${planted.hits} of ${times} times`;
    },
  });
  const atSomeTime = (name: string, make: (random: SeededRandom) => Promise<string>): Trouble => ({
    name,
    make: async (random) => {
      // Most is done in the first moments.
      const ms = random.between(0, random.oneOf([spanMs / 4, spanMs]));
      await sleep(ms);
      return `after ${ms} ms${await make(random)}`;
    },
  });
  const kill = atSomeTime('kill -9 of the daemon', async () => {
    await stage.replaceDaemon();
    return '';
  });
  return [
    ...[kill, kill, kill],
    engineTrouble('the engine refuses', () => ({ kind: 'error', status: 500 })),
    engineTrouble('the engine is late', (random) => ({ kind: 'delay', delayMs: random.between(100, 2_000) })),
    engineTrouble('a reply of the engine is lost', () => ({ kind: 'lose-reply' })),
    engineTrouble('a reply of the engine is cut', (random) => ({ kind: 'truncate', bytes: random.between(0, 40) })),
    atSomeTime('all connections to the engine are cut', async () => {
      stage.proxy.cutConnections();
      return '';
    }),
    atSomeTime('a container is killed from outside', async (random) => `, ${await stage.killContainer(random)}`),
    ...stage.troubles,
  ];
}
