import { describe, expect, it } from 'vitest';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { FakePacketFilter } from '../../test/support/fake-packet-filter.ts';
import { DummyEngine } from '../engine/dummy/dummy-engine.ts';
import { silentLogger } from '../lib/log.ts';
import { noRefusedServices, type RefusedServices } from './cluster-services.ts';
import { SessionNetworks } from './session-networks.ts';

const soon = (): AbortSignal => AbortSignal.timeout(5_000);
const name = 'bai-singlenode-x';

function setUp(
  options: {
    readonly engine?: DummyEngine;
    readonly filter?: FakePacketFilter;
    readonly refusedServices?: RefusedServices;
  } = {},
) {
  const filter = options.filter ?? new FakePacketFilter();
  const clock = new FakeClock();
  const engine = options.engine ?? new DummyEngine();
  const networks = new SessionNetworks({
    engine,
    tag: '0a1b2c3d',
    agentId: 'i-one',
    clock,
    log: silentLogger,
    refusedServices: options.refusedServices ?? noRefusedServices,
    packetFilter: filter,
    connectionLimit: 8192,
  });
  return { networks, engine, clock, filter };
}

describe('the networks of sessions', () => {
  it('are filtered before they exist, and their kernels reach each other', async () => {
    const { networks, engine, filter } = setUp();
    await networks.create(name, soon());
    const made = await engine.inspectNetwork(name, soon());
    expect(made?.labels).toMatchObject({ 'ai.backend.cluster-network': '1' });
    expect(made?.interfaceName).toMatch(/^ks0a1b2c3d[0-9a-z]{5}$/);
    const rules = filter.tables.get('inet kernelet-0a1b2c3d-S');
    expect(rules).toContain(`iifname "${made?.interfaceName}" oifname "${made?.interfaceName}" accept`);
  });

  it('are not made where they cannot be filtered', async () => {
    const { networks, engine } = setUp({ filter: new FakePacketFilter(['nft', 'iptables-restore']) });
    await expect(networks.create(name, soon())).rejects.toMatchObject({ code: 'NOT_SUPPORTED' });
    expect(await engine.inspectNetwork(name, soon())).toBeNull();
  });

  it('that another agent has made are used, and left to it', async () => {
    const { networks, engine } = setUp();
    const labels = { 'ai.backend.cluster-network': '1', 'ai.kernelet.session-network-of': 'ffffffff' };
    await engine.createNetwork({ name, labels }, soon());
    await networks.create(name, soon());
    await expect(networks.destroy(name, soon())).rejects.toThrow('made by another agent');
    expect(await engine.inspectNetwork(name, soon())).not.toBeNull();
  });

  it('that cannot be removed keep no others', async () => {
    const { networks, engine, clock } = setUp();
    for (const one of ['first', 'second']) await networks.create(one, soon());
    await networks.sweep(new Set(), soon());
    await clock.advance(3_600_001);
    using _held = engine.fail('removeNetwork', { kind: 'error' }, { matches: ({ subject }) => subject === 'first' });
    await networks.sweep(new Set(), soon());
    expect(await engine.inspectNetwork('second', soon())).toBeNull();
    expect(await engine.inspectNetwork('first', soon())).not.toBeNull();
  });

  it('that nobody has used for an hour are removed, and no others', async () => {
    const { networks, engine, clock } = setUp();
    await networks.create(name, soon());
    await networks.create('bai-singlenode-used', soon());
    const foreign = { name: 'foreign', labels: { 'ai.backend.cluster-network': '1' } };
    await engine.createNetwork(foreign, soon());
    const used = new Set(['bai-singlenode-used']);
    await networks.sweep(used, soon());
    await clock.advance(1_800_000);
    await networks.sweep(used, soon());
    expect(await engine.inspectNetwork(name, soon())).not.toBeNull();
    await clock.advance(1_800_000);
    await networks.sweep(used, soon());
    expect(await engine.inspectNetwork(name, soon())).toBeNull();
    expect(await engine.inspectNetwork('bai-singlenode-used', soon())).not.toBeNull();
    expect(await engine.inspectNetwork('foreign', soon())).not.toBeNull();
  });

  it('are filtered again also while the engine does not answer', async () => {
    const { networks, engine, filter } = setUp();
    await networks.create(name, soon());
    await networks.refresh(soon());
    filter.tables.clear();
    engine.fail('listNetworks', { kind: 'error' }, { times: 1 });
    await networks.refresh(soon());
    expect([filter.tables.size, networks.restored]).toEqual([1, 1]);
  });

  it('keep kernels on networks of several nodes off the services of the cluster, until they may reach them', async () => {
    const filter = new FakePacketFilter();
    const refusing = {
      facts: async () => ({ refused: [{ address: '10.0.0.5', port: 2379 }], refusedPorts: [6001] }),
    };
    const { networks } = setUp({ filter, refusedServices: refusing });
    await networks.environ(soon());
    expect(filter.tables.get('inet kernelet-0a1b2c3d-G')).toContain('ip daddr 10.0.0.5 tcp dport 2379 reject');
    await setUp({ filter }).networks.environ(soon());
    expect([...filter.tables.keys()]).toEqual(['inet kernelet-0a1b2c3d-S']);
  });

  it('take their rules along when the last one has gone', async () => {
    const { networks, filter } = setUp();
    await networks.create(name, soon());
    await networks.removeIfUnused(soon());
    expect(filter.tables.size).toBe(1);
    await networks.destroy(name, soon());
    await networks.removeIfUnused(soon());
    expect(filter.tables.size).toBe(0);
  });

  it('have kernels exclude the gateway of networks of several nodes from MPI', async () => {
    const { networks, engine } = setUp();
    expect(await networks.environ(soon())).toEqual({});
    await engine.createNetwork({ name: 'dummy-gateway', labels: {} }, soon());
    expect(await networks.environ(soon())).toEqual({ OMPI_MCA_btl_tcp_if_exclude: '127.0.0.1/32,10.4.0.0/16' });
  });
});
