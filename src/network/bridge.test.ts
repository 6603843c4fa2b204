import { createServer } from 'node:net';
import { describe, expect, it } from 'vitest';
import { FakePacketFilter } from '../../test/support/fake-packet-filter.ts';
import { DummyEngine } from '../engine/dummy/dummy-engine.ts';
import { withDeadline } from '../lib/deadline.ts';
import { silentLogger } from '../lib/log.ts';
import { Bridge } from './bridge.ts';
import { noRefusedServices } from './cluster-services.ts';
import { canBind } from './host-ports.ts';

const soon = (): AbortSignal => AbortSignal.timeout(5_000);

function setUp(options: { filter?: FakePacketFilter; engine?: DummyEngine } = {}) {
  const filter = options.filter ?? new FakePacketFilter();
  const engine = options.engine ?? new DummyEngine();
  const bridge = new Bridge({
    engine,
    tag: '0a1b2c3d',
    agentId: 'i-one',
    log: silentLogger,
    refusedServices: noRefusedServices,
    packetFilter: filter,
    connectionLimit: 8192,
  });
  const ensure = () => withDeadline({ what: 'test', timeoutMs: 5_000 }, (deadline) => bridge.ensure(deadline));
  return { engine, bridge, ensure, filter };
}

describe('the bridge', () => {
  it('puts the rules in place before the network, once for many kernels', async () => {
    const { engine, bridge, ensure, filter } = setUp();
    await Promise.all([ensure(), ensure(), ensure()]);
    await ensure();
    expect(engine.calls.filter(({ method }) => method === 'createNetwork')).toHaveLength(1);
    expect(filter.calls.filter((call) => call === 'nft -f -')).toHaveLength(1);
    expect([...filter.tables.keys()]).toEqual(['inet kernelet-0a1b2c3d']);
    expect(await engine.inspectNetwork(bridge.name, soon())).toMatchObject({
      name: 'kernelet-0a1b2c3d',
      interfaceName: 'kl-0a1b2c3d',
      isolated: true,
    });
  });

  it('refuses a network where packets cannot be filtered, and makes none', async () => {
    const { engine, ensure, bridge } = setUp({ filter: new FakePacketFilter(['nft', 'iptables-restore']) });
    await expect(ensure()).rejects.toMatchObject({ code: 'NOT_SUPPORTED', message: expect.stringContaining('ENOENT') });
    expect(await engine.inspectNetwork(bridge.name, soon())).toBeNull();
  });

  it('finds the network when the reply to its creation was lost', async () => {
    const { engine, ensure } = setUp();
    engine.fail('createNetwork', { kind: 'error-after-success' });
    await ensure();
  });

  it('does not use a network of its name that somebody else made', async () => {
    const { engine, ensure, bridge } = setUp();
    await engine.createNetwork({ name: bridge.name, labels: {} }, soon());
    await expect(ensure()).rejects.toMatchObject({ code: 'ENGINE_FAILED' });
  });

  it('restores rules and network, also where making them failed before', async () => {
    const { bridge, ensure, filter, engine } = setUp();
    engine.fail('createNetwork', { kind: 'error' });
    await expect(ensure()).rejects.toMatchObject({ code: 'ENGINE_FAILED' });
    filter.tables.clear();
    await bridge.refresh(false, soon());
    expect([filter.tables.size, bridge.restored]).toEqual([1, 1]);
    await engine.removeNetwork(bridge.name, soon());
    await bridge.refresh(true, soon());
    expect(await engine.inspectNetwork(bridge.name, soon())).not.toBeNull();
  });

  // @promise firewall-mended
  it('is given to no kernel while its rules cannot be put back', async () => {
    const { bridge, ensure, filter } = setUp();
    await ensure();
    filter.tables.clear();
    filter.missing.add('nft').add('iptables-restore');
    await expect(bridge.refresh(true, soon())).rejects.toMatchObject({ code: 'NOT_SUPPORTED' });
    await expect(ensure()).rejects.toMatchObject({ code: 'NOT_SUPPORTED' });
    filter.missing.clear();
    await ensure();
    expect(filter.tables.size).toBe(1);
  });

  it('does not take a time-out for a machine that cannot filter', async () => {
    const ended = new Bridge({
      engine: new DummyEngine(),
      tag: '0a1b2c3d',
      agentId: 'i-one',
      log: silentLogger,
      refusedServices: noRefusedServices,
      packetFilter: {
        run: async (_program, _args, { signal }) => {
          await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
          return { exitCode: -1, stdout: '', stderr: 'aborted' };
        },
        filterBridges: async () => true,
      },
      connectionLimit: 8192,
    });
    await expect(ended.refresh(true, AbortSignal.timeout(20))).rejects.toMatchObject({ name: 'TimeoutError' });
  });

  it('is removed with its rules, and never throws while doing so', async () => {
    const { engine, bridge, ensure } = setUp();
    await ensure();
    engine.fail('removeNetwork', { kind: 'error' });
    await bridge.removeIfUnused(soon());
    await bridge.removeIfUnused(soon());
    expect(await engine.inspectNetwork(bridge.name, soon())).toBeNull();
  });
});

describe('probing a host port', () => {
  it('tells a free port from one in use', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    const port = typeof address === 'object' && address ? address.port : 0;
    expect(await canBind(port, '127.0.0.1')).toBe(false);
    await new Promise((resolve) => server.close(resolve));
    expect(await canBind(port, '127.0.0.1')).toBe(true);
  });
});
