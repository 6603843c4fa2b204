/** Sessions of several kernels as a manager orders them, on the real engine. */
import { randomUUID } from 'node:crypto';
import { createServer } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type KernelId, newKernelId } from '../../src/lib/ids.ts';
import { createKernelsArguments, kernelConfigFixture } from '../support/create-kernels-request.ts';
import { shellIn, startDockerNode } from '../support/docker-rpc-node.ts';
import { within } from '../support/engine.ts';
import { firewallRules } from '../support/inventory.ts';
import type { RpcNode } from '../support/rpc-node.ts';
import { docker } from '../support/runner-container.ts';

let node: RpcNode;
beforeAll(async () => {
  node = await startDockerNode();
});
afterAll(async () => {
  await node?.[Symbol.asyncDispose]();
  if (node) expect(firewallRules(node.fixture.kernels.state.tag)).toEqual([]);
});

/** Two kernels on a network; gives their ids. */
async function session(network: string, mapping: object | null = null): Promise<readonly [KernelId, KernelId]> {
  const [main, sub] = [newKernelId(), newKernelId()];
  const common = { auto_pull: 'tag', preopen_ports: [] };
  const environ = (host: string) => ({ BACKENDAI_CLUSTER_HOST: host, BACKENDAI_CLUSTER_HOSTS: 'sub1,main1' });
  await node.call(
    'create_kernels',
    ...createKernelsArguments(
      randomUUID(),
      {
        [main]: kernelConfigFixture({ ...common, environ: environ('main1') }),
        [sub]: kernelConfigFixture({
          ...common,
          environ: environ('sub1'),
          cluster_role: 'sub',
          cluster_hostname: 'sub1',
        }),
      },
      { network_name: network, cluster_ssh_port_mapping: mapping as never },
    ),
  );
  return [main, sub];
}

const destroy = (id: KernelId, of: string = randomUUID()) => node.call('destroy_kernel', id, of, 'user-requested');
/** Whether a TCP connection from a kernel can be made. */
const reaches = async (from: KernelId, host: string, port: number): Promise<boolean> =>
  (await shellIn(
    node,
    from,
    `timeout 2 bash -c 'exec 3<>/dev/tcp/${host}/${port}' 2>/dev/null && echo yes || echo no`,
  )) === 'yes\n';
const listen =
  "perl -MIO::Socket::INET -e '$s=IO::Socket::INET->new(Listen=>5,LocalPort=>8000,ReuseAddr=>1) or die; if(fork){exit} while($c=$s->accept){close $c}' >/dev/null 2>&1";

describe('a session of two kernels on one node', () => {
  it('has a network on which each finds the other by name, and nobody else finds either', async () => {
    const name = `bai-singlenode-${randomUUID()}`;
    await node.call('create_local_network', name);
    const [main, sub] = await session(name);
    const elsewhere = `bai-singlenode-${randomUUID()}`;
    await node.call('create_local_network', elsewhere);
    const other = await session(elsewhere);
    expect(await shellIn(node, main, 'hostname; echo $BACKENDAI_CLUSTER_HOST $BACKENDAI_CLUSTER_HOSTS')).toBe(
      'main1\nmain1 sub1,main1\n',
    );
    await shellIn(node, sub, listen);
    expect(await reaches(main, 'sub1', 8000)).toBe(true);
    expect(await reaches(sub, 'sub1', 8000)).toBe(true);
    const address = (await shellIn(node, sub, 'hostname -i')).trim();
    expect(await reaches(other[0], address, 8000)).toBe(false);

    // What a kernel cannot reach is there all the same.
    const service = createServer((socket) => socket.end()).listen(0, '0.0.0.0');
    await new Promise((resolve) => service.once('listening', resolve));
    const { port } = service.address() as { port: number };
    const gateway = address.replace(/\d+$/, '1');
    expect(await reaches(main, gateway, port)).toBe(false);
    await new Promise((resolve) => service.close(resolve));

    await Promise.all([destroy(main), destroy(sub), destroy(other[0]), destroy(other[1])]);
    for (const one of [name, elsewhere]) expect(await node.call('destroy_local_network', one)).toBeNull();
    expect(await node.fixture.kernels.engine.inspectNetwork(name, within(10_000))).toBeNull();
  });

  it('uses a network that was made beforehand, comes back to it, and leaves it', async () => {
    const { engine } = node.fixture.kernels;
    const name = `bai-multinode-${randomUUID()}`;
    await engine.createNetwork({ name, labels: {} }, within(10_000));
    const [main, sub] = await session(name);
    const reference = { registry: 'r', project: null, name: 'n', tag: 't', architecture: 'x86_64', is_local: false };
    await node.call('restart_kernel', randomUUID(), sub, reference, {});
    await shellIn(node, sub, listen);
    expect(await reaches(main, 'sub1', 8000)).toBe(true);
    await Promise.all([destroy(main), destroy(sub)]);
    expect(await engine.inspectNetwork(name, within(10_000))).toMatchObject({ attached: [] });
    await engine.removeNetwork(name, within(10_000));
  });

  it('is on an overlay of the swarm, where the engine can be in one', async ({ skip }) => {
    const joined = await docker('swarm', 'init', '--advertise-addr', '127.0.0.1').catch(String);
    if (!joined.includes('initialized')) skip(`this engine cannot be in a swarm: ${joined}`);
    const name = `bai-multinode-${randomUUID()}`;
    try {
      await docker('network', 'create', '--driver', 'overlay', '--attachable', name);
      const [main, sub] = await session(name);
      await shellIn(node, sub, listen);
      expect(await reaches(main, 'sub1', 8000)).toBe(true);
      await Promise.all([destroy(main), destroy(sub)]);
      expect(await docker('network', 'rm', name)).toContain(name);
    } finally {
      await docker('swarm', 'leave', '--force');
      await docker('network', 'rm', 'docker_gwbridge');
    }
  });

  it('is on the network of the host, where its manager wants that', async () => {
    const [main, sub] = await session('host', { main1: ['127.0.0.1', 30_901], sub1: ['127.0.0.2', 30_902] });
    expect(
      await shellIn(
        node,
        sub,
        'hostname; grep -E "main1|sub1" /etc/hosts | tr "\\t" " "; cat /home/config/intrinsic-ports.json',
      ),
    ).toMatch(/^sub1\n(.*\n)*127\.0\.0\.1 main1\n127\.0\.0\.2 sub1\n(.*\n)*\{.*\}$/);
    await shellIn(node, main, listen);
    expect(await reaches(sub, 'main1', 8000)).toBe(true);
    await Promise.all([destroy(main), destroy(sub)]);
  });

  it('that names a network which is nowhere is refused, and leaves nothing', async () => {
    await expect(session(`bai-multinode-${randomUUID()}`)).rejects.toThrow(/network bai-multinode-\S+ not found/);
    expect(await node.fixture.agent.list({ all: false })).toEqual([]);
    expect(await node.fixture.kernels.leftovers()).toEqual([]);
  });
});
