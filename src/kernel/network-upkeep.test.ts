import { expect, it } from 'vitest';
import { recordFixture, specFixture } from '../../test/support/kernel-record.ts';
import { KerneletError } from '../lib/errors.ts';
import { silentLogger } from '../lib/log.ts';
import { type NetworksInUse, NetworkUpkeep } from './network-upkeep.ts';

const { signal } = new AbortController();
const named = { name: 'session-1', aliases: [], hosts: [] };
const records = [
  recordFixture({ spec: specFixture({ network: 'bridge' }) }),
  recordFixture({ spec: specFixture({ network: named }) }),
  recordFixture({ spec: specFixture({ network: { ...named, name: 'of-before' } }), phase: 'terminated' }),
];

/** Notes what networks are kept, each time with the next outcome. */
function upkeepWith(outcomes: readonly (Error | null)[]) {
  const kept: NetworksInUse[] = [];
  const engineGuard: { problem: KerneletError | null } = { problem: null };
  const upkeep = new NetworkUpkeep({
    engineGuard,
    prewarmedNetworks: {
      reconcile: async () => {
        throw new Error('the engine is away');
      },
    },
    keepNetworks: async (inUse) => {
      const outcome = outcomes[kept.length];
      kept.push(inUse);
      if (outcome) throw outcome;
    },
    log: silentLogger,
  });
  return { upkeep, kept, engineGuard };
}

it('says why networks could not be kept, until they are', async () => {
  const { upkeep, kept } = upkeepWith([null, new KerneletError('ENGINE_FAILED', 'iptables: no chain'), null]);
  await upkeep.keep(records, signal);
  expect(upkeep.problem).toBeNull();
  await upkeep.keep(records, signal);
  expect(upkeep.problem).toBe('iptables: no chain');
  await upkeep.keep([], signal);
  expect(upkeep.problem).toBeNull();
  const inUse = { bridge: true, named: new Set(['session-1']) };
  expect(kept).toEqual([inUse, inUse, { bridge: false, named: new Set() }]);
});

it('touches nothing of another engine, and fails for nobody', async () => {
  const { upkeep, kept, engineGuard } = upkeepWith([]);
  await upkeep.reconcilePrewarmed(signal);
  engineGuard.problem = new KerneletError('ENGINE_CHANGED', 'another engine answers');
  await upkeep.keep(records, signal);
  expect([kept, upkeep.problem]).toEqual([[], null]);
});
