/** What goes wrong while a node works, each at an instant of chance. */
import { setTimeout as sleep } from 'node:timers/promises';
import { engineCall } from '../support/engine-api.ts';
import type { Fault, FaultProxy } from '../support/fault-proxy.ts';
import { kernelsOf } from '../support/node-facts.ts';
import type { NodeUnderTest } from '../support/node-under-test.ts';
import type { SeededRandom } from '../support/random.ts';

export interface Scene {
  readonly node: NodeUnderTest;
  readonly proxy: FaultProxy;
  readonly random: SeededRandom;
  /** Kernels that may be ended from outside. */
  readonly kernels: readonly string[];
}

/** A trouble; what it needs to be over lies with the caller. */
export interface Trouble {
  readonly name: string;
  make(scene: Scene): Promise<void>;
}

/** By when the work of a round has mostly been done. */
const spanMs = 1_500;
const calls = [
  { method: 'POST', path: /^\/containers\/create$/ },
  { method: 'POST', path: /^\/containers\/[^/]+\/(?:start|kill)$/ },
  { method: 'GET', path: /^\/containers\/[^/]+\/json$/ },
  { method: 'GET', path: /^\/containers\/json$/ },
  { method: 'DELETE', path: /^\/containers\/[^/]+$/ },
] as const;

/** The engine does one kind of call wrong, up to three times. */
function engineTrouble(name: string, faultOf: (random: SeededRandom) => Fault): Trouble {
  return {
    name,
    make: async ({ proxy, random }) => {
      using _ = proxy.plant({ ...random.oneOf(calls), fault: faultOf(random), times: random.between(1, 3) });
      await sleep(spanMs);
    },
  };
}

/** The daemon is killed; it is the caller's to start it again. */
const kill: Trouble = {
  name: 'kill -9 of the daemon',
  make: async ({ node, random }) => {
    await sleep(random.between(0, spanMs));
    await node.endDaemon('SIGKILL');
  },
};

/** All troubles. Kills of the daemon are a third of them. */
export const troubles: readonly Trouble[] = [
  kill,
  kill,
  kill,
  engineTrouble('the engine refuses', () => ({ kind: 'error', status: 500 })),
  engineTrouble('the engine is late', (random) => ({ kind: 'delay', delayMs: random.between(100, 2_000) })),
  engineTrouble('a reply of the engine is lost', () => ({ kind: 'lose-reply' })),
  engineTrouble('a reply of the engine is cut', (random) => ({ kind: 'truncate', bytes: random.between(0, 40) })),
  {
    name: 'all connections to the engine are cut',
    make: async ({ proxy, random }) => {
      await sleep(random.between(0, spanMs));
      proxy.cutConnections();
    },
  },
  {
    name: 'a container is killed from outside',
    make: async ({ node, random, kernels }) => {
      await sleep(random.between(0, spanMs));
      const there = (await kernelsOf(node)).filter(
        ({ id, containerId }) => kernels.includes(id) && containerId !== null,
      );
      if (there.length > 0) await engineCall('POST', `/containers/${random.oneOf(there).containerId}/kill`);
    },
  },
];
