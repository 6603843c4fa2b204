import { createServer } from 'node:net';
import { describe, expect, it } from 'vitest';
import { DummyEngine } from '../engine/dummy/dummy-engine.ts';
import { withDeadline } from '../lib/deadline.ts';
import { silentLogger } from '../lib/log.ts';
import { Bridge } from './bridge.ts';
import { Firewall, type IptablesRunner } from './firewall.ts';
import { canBind } from './host-ports.ts';

const soon = (): AbortSignal => AbortSignal.timeout(5_000);

function setUp(options: { refuses?: boolean; engine?: DummyEngine } = {}) {
  const calls: string[] = [];
  const iptables: IptablesRunner = async (program, args, _deadline, input) => {
    calls.push([program, ...args].join(' ') + (input ? `\n${input}` : ''));
    if (options.refuses) return { exitCode: -1, stderr: 'spawn iptables ENOENT' };
    return { exitCode: args[0] === '-C' || args[0] === '-D' ? 1 : 0, stderr: '' };
  };
  const engine = options.engine ?? new DummyEngine();
  const bridge = new Bridge({
    engine,
    tag: '0a1b2c3d',
    agentId: 'i-one',
    log: silentLogger,
    iptables,
  });
  const ensure = () => withDeadline({ what: 'test', timeoutMs: 5_000 }, (deadline) => bridge.ensure(deadline));
  return { engine, bridge, ensure, calls };
}

describe('the bridge', () => {
  it('puts the rules in place before the network, once for many kernels', async () => {
    const { engine, bridge, ensure, calls } = setUp();
    await Promise.all([ensure(), ensure(), ensure()]);
    await ensure();
    expect(engine.calls.filter(({ method }) => method === 'createNetwork')).toHaveLength(1);
    expect(calls.filter((call) => call.startsWith('iptables-restore'))).toHaveLength(1);
    expect(calls).toContain('iptables -I DUMMY-USER 1 -i kl-0a1b2c3d -j KERNELET-0a1b2c3d');
    expect(calls).toContain('iptables -I INPUT 1 -i kl-0a1b2c3d -j KERNELET-0a1b2c3d-IN');
    expect(await engine.inspectNetwork(bridge.name, soon())).toMatchObject({
      name: 'kernelet-0a1b2c3d',
      interfaceName: 'kl-0a1b2c3d',
      isolated: true,
    });
  });

  it('refuses a network where iptables cannot be used, and makes none', async () => {
    const { engine, ensure, bridge } = setUp({ refuses: true });
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
    const { bridge, ensure, calls, engine } = setUp();
    engine.fail('createNetwork', { kind: 'error' });
    await expect(ensure()).rejects.toMatchObject({ code: 'ENGINE_FAILED' });
    await bridge.refresh(soon());
    expect(calls.filter((call) => call.startsWith('iptables-restore'))).toHaveLength(2);
    await engine.removeNetwork(bridge.name, soon());
    await bridge.refresh(soon());
    expect(await engine.inspectNetwork(bridge.name, soon())).not.toBeNull();
  });

  it('does not take a time-out for a machine without iptables', async () => {
    const ended = new Bridge({
      engine: new DummyEngine(),
      tag: '0a1b2c3d',
      agentId: 'i-one',
      log: silentLogger,
      iptables: async (_program, _args, { signal }) => {
        await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
        return { exitCode: -1, stderr: 'aborted' };
      },
    });
    await expect(ended.refresh(AbortSignal.timeout(20))).rejects.toMatchObject({ name: 'TimeoutError' });
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

describe('the firewall', () => {
  it('lets answers in and refuses everything else that kernels send to this host', () => {
    const text = new Firewall('0a1b2c3d', 'kl-0a1b2c3d', { rulesChain: null }).chains();
    expect(text.split('\n')).toEqual([
      '*filter',
      ':KERNELET-0a1b2c3d - [0:0]',
      ':KERNELET-0a1b2c3d-IN - [0:0]',
      '-A KERNELET-0a1b2c3d -d 169.254.0.0/16 -j REJECT',
      '-A KERNELET-0a1b2c3d -o kl-0a1b2c3d -j REJECT',
      '-A KERNELET-0a1b2c3d -j RETURN',
      '-A KERNELET-0a1b2c3d-IN -m conntrack --ctstate ESTABLISHED,RELATED -j RETURN',
      '-A KERNELET-0a1b2c3d-IN -j REJECT',
      'COMMIT',
      '',
    ]);
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
