import { expect, it } from 'vitest';
import { recordFixture, specFixture } from '../../test/support/kernel-record.ts';
import { usingFixtures } from '../../test/support/kernels-fixture.ts';
import { KerneletError } from '../lib/errors.ts';
import { silentLogger } from '../lib/log.ts';
import { type NetworksInUse, NetworkUpkeep } from './network-upkeep.ts';

const fixture = usingFixtures();
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
  const compared: number[] = [];
  const warned: string[] = [];
  const engineGuard: { problem: KerneletError | null } = { problem: null };
  const upkeep = new NetworkUpkeep({
    engineGuard,
    prewarmedNetworks: {
      reconcile: async () => {
        compared.push(compared.length + 1);
        throw new Error('the engine is away');
      },
    },
    keepNetworks: async (inUse) => {
      const outcome = outcomes[kept.length];
      kept.push(inUse);
      if (outcome) throw outcome;
    },
    log: { ...silentLogger, warn: (text) => void warned.push(text) },
  });
  return { upkeep, kept, engineGuard, compared, warned };
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

it('tells nobody of what a stop of the daemon has cut off', async () => {
  const { upkeep, warned } = upkeepWith([new Error('cut off')]);
  await upkeep.keep(records, AbortSignal.abort());
  await upkeep.reconcilePrewarmed(AbortSignal.abort());
  expect([upkeep.problem, warned]).toEqual([null, []]);
  await upkeep.reconcilePrewarmed(signal);
  expect(warned).toEqual(['prewarmed networks cannot be compared with those of the engine']);
});

it('touches nothing of another engine, and fails for nobody', async () => {
  const { upkeep, kept, engineGuard, compared } = upkeepWith([]);
  await upkeep.reconcilePrewarmed(signal);
  engineGuard.problem = new KerneletError('ENGINE_CHANGED', 'another engine answers');
  await upkeep.keep(records, signal);
  await upkeep.reconcilePrewarmed(signal);
  expect([kept, upkeep.problem, compared]).toEqual([[], null, [1]]);
});

it('says all that ails networks, of which none keeps the others from being looked after', async () => {
  const { dummy, kernels } = await fixture();
  const { registry } = kernels;
  await registry.create(specFixture({ network: 'bridge' }), signal);
  const failing = (method: 'inspectNetwork' | 'listNetworks') =>
    dummy.fail(method, { kind: 'error', error: new KerneletError('ENGINE_FAILED', `no ${method}`) });
  failing('inspectNetwork');
  failing('listNetworks');
  await registry.sweep(signal);
  expect(registry.networkProblem()).toMatch(/no inspectNetwork; .*no listNetworks/);
  failing('inspectNetwork');
  await registry.sweep(signal);
  expect(registry.networkProblem()).toBe('no inspectNetwork');
  await registry.sweep(signal);
  expect(registry.networkProblem()).toBeNull();
});
