/** What containers on the agent's bridge can and can't reach, tried from inside real containers. */
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { type AddressInfo, createConnection, createServer, type Server } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DockerEngine } from '../../src/engine/docker/docker-engine.ts';
import { withDeadline } from '../../src/lib/deadline.ts';
import type { ContainerId } from '../../src/lib/ids.ts';
import { silentLogger } from '../../src/lib/log.ts';
import { Bridge } from '../../src/network/bridge.ts';
import type { ServiceAddress } from '../../src/network/cluster-services.ts';
import { machinePacketFilter, type PacketFilter } from '../../src/network/firewall/packet-filter.ts';
import { agentBridges, probeBridge } from '../../src/network/firewall/probe.ts';
import type { MetadataTarget } from '../../src/network/firewall/rule-set.ts';
import { tryRulesHere } from '../../src/network/firewall/trial.ts';
import { connectTestEngine, EngineLedger, shellSpec, within } from '../support/engine.ts';
import { firewallRules } from '../support/inventory.ts';
import { Neighbour } from '../support/neighbour.ts';

let engine: DockerEngine;
let ledger: EngineLedger;
let bridge: Bridge;
let service: Server;
let hostPort: number;
let published: ContainerId;
let other: ContainerId;
let refused: readonly ServiceAddress[];
let tag: string;
let metadata: MetadataTarget | null = null;
const connectionLimit = 200;

/** This machine as if it had no nftables. */
const iptablesAlone: PacketFilter = {
  ...machinePacketFilter,
  run: async (program, ...rest) =>
    program === 'nft'
      ? { exitCode: -1, stdout: '', stderr: 'spawn nft ENOENT' }
      : await machinePacketFilter.run(program, ...rest),
};

function printed(program: string, ...args: readonly string[]): string {
  return spawnSync(program, args, { encoding: 'utf8' }).stdout;
}

/** Lines of both filters that are about the network under test. */
const rules = (): readonly string[] => firewallRules(tag);

const ensure = (): Promise<void> =>
  withDeadline({ what: 'test', timeoutMs: 30_000 }, (deadline) => bridge.ensure(deadline));

/** Whether a TCP connection from a container can be made. */
async function reaches(from: ContainerId, address: string, port: number): Promise<boolean> {
  const command = ['timeout', '2', 'bash', '-c', `exec 3<>/dev/tcp/${address}/${port}`];
  return (await engine.exec(from, command, {}, within(20_000))).exitCode === 0;
}

async function addressOf(id: ContainerId): Promise<string> {
  return (await engine.inspectContainer(id, within(10_000)))?.networkAddress ?? '';
}

describe.each([
  ['nftables', machinePacketFilter],
  ['iptables', iptablesAlone],
])('behind %s', (_kind, packetFilter) => {
  beforeAll(async () => {
    tag = randomBytes(4).toString('hex');
    engine = await connectTestEngine();
    ledger = new EngineLedger(engine);
    refused = [];
    const refusedServices = { facts: async () => ({ refused, refusedPorts: [] }) };
    const log = silentLogger;
    const parts = { engine, tag, agentId: 'test', log, packetFilter, refusedServices, connectionLimit };
    bridge = new Bridge({ ...parts, metadata: () => metadata });
    service = createServer((socket) => socket.on('error', () => {}).end('hello')).listen(0, '0.0.0.0');
    await new Promise((resolve) => service.once('listening', resolve));
    hostPort = (service.address() as AddressInfo).port;
    await ensure();
  });

  afterAll(async () => {
    await ledger[Symbol.asyncDispose]();
    await bridge.removeIfUnused(within(30_000));
    await new Promise((resolve) => service.close(resolve));
    await engine[Symbol.asyncDispose]();
  });

  const listen =
    'perl -MIO::Socket::INET -e \'$s=IO::Socket::INET->new(Listen=>5,LocalPort=>8000,ReuseAddr=>1) or die; while($c=$s->accept){print $c "hi\\n";close $c}\'';

  describe('the bridge', () => {
    // @promise no-other-kernel
    it('is made once, however often it is asked for, and keeps kernels off the host, link-local addresses and each other', async () => {
      await Promise.all([ensure(), ensure()]);
      const made = await engine.inspectNetwork(bridge.name, within(10_000));
      expect(made).toMatchObject({ interfaceName: bridge.interfaceName, isolated: true });
      const spec = shellSpec(listen, { network: bridge.name });
      published = await ledger.run({
        ...spec,
        ports: [{ containerPort: 8000, hostAddress: '127.0.0.1', hostPort: 29_871 }],
      });
      other = await ledger.run({ ...spec, name: `${spec.name}-2` });
      const plain = await ledger.run({ ...shellSpec(listen), network: 'bridge' });
      const gateway = spawnSync('ip', ['-4', '-o', 'addr', 'show', bridge.interfaceName], { encoding: 'utf8' });
      const hostAddress = /inet (\S+)\//.exec(gateway.stdout)?.[1] ?? '';
      const defaultInterface = (await engine.inspectNetwork('bridge', within(10_000)))?.interfaceName ?? '';
      const elsewhere = spawnSync('ip', ['-4', '-o', 'addr', 'show', defaultInterface], { encoding: 'utf8' });
      const otherHostAddress = /inet (\S+)\//.exec(elsewhere.stdout)?.[1] ?? '';

      // What is to be refused can be reached otherwise, so a refusal below is ours.
      expect(await reaches(plain, otherHostAddress, hostPort)).toBe(true);
      expect(await reaches(other, '127.0.0.1', 8000)).toBe(true);

      expect(await reaches(other, hostAddress, hostPort)).toBe(false);
      expect(await reaches(other, otherHostAddress, hostPort)).toBe(false);
      expect(await reaches(other, await addressOf(published), 8000)).toBe(false);
      expect(await reaches(other, hostAddress, 29_871)).toBe(false);
      expect(await reaches(other, await addressOf(plain), 8000)).toBe(false);
      const linkLocal = ['bash', '-c', 'time timeout 2 bash -c "exec 3<>/dev/tcp/169.254.169.254/80"'];
      const refused = await engine.exec(other, linkLocal, {}, within(20_000));
      expect(new TextDecoder().decode(refused.stderr)).toMatch(/refused|unreachable/i);

      const answer = await fetchText(29_871);
      expect(answer).toBe('hi\n');
    });

    // @promise no-other-kernel, firewall-mended
    it('keeps its kernels apart also after all rules were flushed, its own among them', async () => {
      const before = rules();
      expect(before.length).toBeGreaterThan(6);
      expect(await agentBridges(within(10_000))).toContain(bridge.interfaceName);
      expect(await probeBridge(bridge.interfaceName, within(30_000))).toBe('filtered');
      const wanted = { connectionLimit, metadata: { host: null, port: 40_128 } };
      expect(await tryRulesHere(wanted, within(30_000))).toEqual({ walls: null, counting: null, metadata: null });
      expect(printed('ip', 'netns', 'list')).not.toContain('kernelet-trial');
      const saved = printed('iptables-save');
      try {
        spawnSync('iptables', ['-P', 'FORWARD', 'ACCEPT']);
        spawnSync('iptables', ['-F']);
        spawnSync('nft', ['delete', 'table', 'inet', `kernelet-${tag}`]);
        // The engine's own isolation is gone with them.
        expect(await reaches(other, await addressOf(published), 8000)).toBe(true);
        await bridge.refresh(true, within(30_000));
        expect(bridge.restored).toBe(1);
        expect(await reaches(other, await addressOf(published), 8000)).toBe(false);
      } finally {
        spawnSync('iptables-restore', [], { input: saved });
      }
      await bridge.refresh(true, within(30_000));
      expect([...rules()].sort()).toEqual([...before].sort());
    });

    // @promise metadata-one-address
    it('leads its kernels to metadata from the one address alone, for as long as there is any, and leaves no rule of that', async () => {
      const before = rules();
      const gatewayAddress = (await addressOf(other)).replace(/\d+$/, '1');
      const tried = [
        ['169.254.169.254', 80],
        ['169.254.169.254', hostPort],
        ['169.254.169.253', 80],
        [gatewayAddress, hostPort],
      ] as const;
      const open = (): Promise<readonly boolean[]> =>
        Promise.all(tried.map(([address, port]) => reaches(other, address, port)));
      metadata = { host: null, port: hostPort };
      try {
        await bridge.refresh(true, within(30_000));
        expect(await open()).toEqual([true, false, false, false]);
        const own = printed('ip', '-4', '-o', 'route', 'get', '192.0.2.1');
        metadata = { host: /src (\S+)/.exec(own)?.[1] ?? '', port: hostPort };
        await bridge.refresh(true, within(30_000));
        expect(await open()).toEqual([true, false, false, false]);
        const { restored } = bridge;
        spawnSync('iptables', [
          '-t',
          'nat',
          '-D',
          'PREROUTING',
          '-i',
          bridge.interfaceName,
          '-j',
          `KERNELET-${tag}-NAT`,
        ]);
        spawnSync('nft', ['delete', 'chain', 'inet', `kernelet-${tag}`, 'prerouting']);
        expect(await open()).toEqual([false, false, false, false]);
        await bridge.refresh(true, within(30_000));
        expect([await open(), bridge.restored]).toEqual([[true, false, false, false], restored + 1]);
      } finally {
        metadata = null;
        await bridge.refresh(true, within(30_000));
      }
      expect(await open()).toEqual([false, false, false, false]);
      expect([...rules()].sort()).toEqual([...before].sort());
    });

    // @promise no-cluster-services
    it('refuses its kernels the services of the cluster, and no others beside them', async () => {
      const neighbour = new Neighbour();
      try {
        const port = await neighbour.listen();
        expect(await reaches(other, neighbour.address, port)).toBe(true);
        refused = [{ address: neighbour.address, port: port + 1 }];
        await bridge.refresh(true, within(30_000));
        expect(await reaches(other, neighbour.address, port)).toBe(true);
        refused = [{ address: neighbour.address, port }];
        await bridge.refresh(true, within(30_000));
        expect(await reaches(other, neighbour.address, port)).toBe(false);

        // Another name of it, from which this host leads there.
        const alias = ['-d', '10.213.7.1', '-p', 'tcp', '--dport', String(port)];
        const lead = ['PREROUTING', ...alias, '-j', 'DNAT', '--to', `${neighbour.address}:${port}`];
        refused = [];
        await bridge.refresh(true, within(30_000));
        spawnSync('iptables', ['-t', 'nat', '-I', ...lead]);
        try {
          expect(await reaches(other, '10.213.7.1', port)).toBe(true);
          refused = [{ address: '10.213.7.1', port }];
          await bridge.refresh(true, within(30_000));
          expect(await reaches(other, '10.213.7.1', port)).toBe(false);
        } finally {
          spawnSync('iptables', ['-t', 'nat', '-D', ...lead]);
        }
      } finally {
        refused = [];
        neighbour[Symbol.dispose]();
        await bridge.refresh(true, within(30_000));
      }
    });

    // @promise published-only
    it('lets nobody on the link in who sends to a container’s own address', async () => {
      const neighbour = new Neighbour();
      try {
        expect(neighbour.reaches(await addressOf(published), 8000)).toBe(false);
        spawnSync('nft', ['delete', 'table', 'inet', `kernelet-${tag}`]);
        for (const chain of ['DOCKER-USER', 'FORWARD']) {
          spawnSync('iptables', ['-D', chain, '-o', bridge.interfaceName, '-j', `KERNELET-${tag}`]);
        }
        expect(neighbour.reaches(await addressOf(published), 8000)).toBe(true);
      } finally {
        neighbour[Symbol.dispose]();
        await bridge.refresh(true, within(30_000));
      }
    });

    // @promise connections
    it('lets no kernel have more connections in the table of the host than its limit, and its neighbours theirs', async () => {
      using neighbour = new Neighbour();
      const { restored } = bridge;
      const port = await neighbour.listen();
      expect(await reaches(other, neighbour.address, port)).toBe(true);
      const datagrams = `for port in $(seq ${connectionLimit}); do echo x >/dev/udp/${neighbour.address}/$port; done`;
      await engine.exec(other, ['bash', '-c', datagrams], {}, within(30_000));
      expect(await reaches(other, neighbour.address, port)).toBe(false);
      expect(await reaches(published, neighbour.address, port)).toBe(true);
      // What is there already goes on, and the rules are seen to stand while they count.
      expect(await fetchText(29_871)).toBe('hi\n');
      await bridge.refresh(true, within(30_000));
      expect(bridge.restored).toBe(restored);
    });

    it('stays while a container is attached, and leaves nothing when none is', async () => {
      await bridge.removeIfUnused(within(30_000));
      expect(await engine.inspectNetwork(bridge.name, within(10_000))).not.toBeNull();
      await ledger[Symbol.asyncDispose]();
      await bridge.removeIfUnused(within(30_000));
      expect(await engine.inspectNetwork(bridge.name, within(10_000))).toBeNull();
      expect(rules()).toEqual([]);
    });
  });
});

async function fetchText(port: number): Promise<string> {
  return await new Promise((resolve, reject) => {
    let text = '';
    const socket = createConnection({ host: '127.0.0.1', port });
    socket.on('data', (data) => {
      text += data.toString();
    });
    socket.on('end', () => resolve(text));
    socket.on('error', reject);
  });
}
