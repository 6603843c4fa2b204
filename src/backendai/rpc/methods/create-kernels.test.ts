import { expect, it } from 'vitest';
import { createKernelsArguments, kernelConfigFixture } from '../../../../test/support/create-kernels-request.ts';
import { FakeClock } from '../../../../test/support/fake-clock.ts';
import { anySession, RpcNode } from '../../../../test/support/rpc-node.ts';
import { newKernelId } from '../../../lib/ids.ts';
import { machineName } from '../../wire/machine-name.ts';

const args = (kernels: Parameters<typeof createKernelsArguments>[1], cluster = {}) =>
  createKernelsArguments(anySession, kernels, cluster);
/** As a failure says it. */
const refusal = (node: RpcNode, change: Parameters<typeof kernelConfigFixture>[0], cluster = {}) =>
  node.call('create_kernels', ...args({ [newKernelId()]: kernelConfigFixture(change) }, cluster));

it('creates the kernels of a session as they were requested', async () => {
  await using node = await RpcNode.start();
  const [main, sub] = [newKernelId(), newKernelId()];
  const mount = { name: 'd', vfid: 'x', vfsubpath: '.', host_path: '/srv', kernel_path: '/home/work/d' };
  const mounts = [{ ...mount, mount_perm: 'ro', usage_mode: 'general' }];
  const subConfig = kernelConfigFixture({ cluster_role: 'sub', cluster_hostname: 'sub1', preopen_ports: [8080] });
  const kernels = { [main]: kernelConfigFixture({ mounts }), [sub]: subConfig };
  // One after the other, so that it is clear who has which port; the second call has the answer of the first, too.
  await node.call('create_kernels', ...args({ [main]: kernelConfigFixture({ mounts }) }));
  const made = await node.call('create_kernels', ...args(kernels));
  const record = node.fixture.kernels.kernels.registry.get(main);
  expect(record.spec).toMatchObject({
    id: main,
    sessionId: anySession,
    hostname: 'main1',
    limits: { cpus: 1, memoryBytes: 268_435_456, sharedMemoryBytes: 67_108_864 },
    mounts: [{ source: '/srv', target: '/home/work/d', readOnly: true }],
    publish: [2200, 7681, 9900, 9901, 9902],
  });
  expect(record.spec.environ).toContainEqual(['USER_VARIABLE', 'a b=c']);
  expect(made).toMatchObject([
    {
      id: main,
      kernel_host: '10.0.0.5',
      container_id: record.containerId,
      agent_addr: 'tcp://10.0.0.5:6001',
      scaling_group: 'default',
      service_ports: [
        { name: 'sshd', protocol: 'tcp', container_ports: [2200], host_ports: [31_000], is_inference: false },
        { name: 'ttyd', protocol: 'http', container_ports: [7681], host_ports: [31_001], is_inference: false },
        { name: 'echoapp', protocol: 'tcp', container_ports: [9900], host_ports: [31_002], is_inference: false },
        { name: 'webapp', protocol: 'http', container_ports: [9901, 9902], host_ports: [31_003, 31_004] },
      ],
      resource_spec: {
        container_id: record.containerId,
        slots: { cpu: '1', mem: '268435456' },
        allocations: { mem: { mem: { root: '268435456' } } },
        mounts: [{ type: 'bind', source: '/srv', target: '/home/work/d', permission: 'ro', opts: null }],
      },
    },
    { id: sub, service_ports: [{ name: 'sshd' }, { name: 'ttyd' }] },
  ]);
});

it('takes an image that is only here by the name that the engine has for it', async () => {
  await using node = await RpcNode.start();
  const id = newKernelId();
  const [session = null, ids = null, configs = null, cluster = null] = args({ [id]: kernelConfigFixture() });
  const architecture = machineName(process.arch);
  const image = { registry: 'local', project: 'kernelet', name: 'base', tag: 'latest', architecture };
  await node.call('create_kernels', session, ids, configs, cluster, { [id]: { ...image, is_local: true } });
  expect(node.fixture.kernels.kernels.registry.get(id).spec.image.reference).toBe('kernelet/base:latest');
});

it('refuses an image for another architecture before anything is pulled, and takes every name of its own', async () => {
  await using node = await RpcNode.start();
  const id = newKernelId();
  const [session = null, ids = null, configs = null, cluster = null] = args({ [id]: kernelConfigFixture() });
  const image = { registry: 'kernelet', project: null, name: 'base', tag: 'latest', is_local: false };
  const call = (architecture: string) =>
    node.call('create_kernels', session, ids, configs, cluster, { [id]: { ...image, architecture } });
  await expect(call('s390x')).rejects.toThrow(/^AgentError .*cannot run an image for s390x on this machine/);
  expect(node.fixture.kernels.dummy.calls.map(({ method }) => method)).not.toContain('pullImage');
  expect(await node.fixture.agent.list({ all: true })).toEqual([]);
  await call(process.arch === 'arm64' ? 'arm64' : 'amd64');
  expect(await node.fixture.agent.list({ all: false })).toHaveLength(1);
});

it('answers the same call again, and a second one meanwhile, with the same kernel', async () => {
  await using node = await RpcNode.start();
  const call = args({ [newKernelId()]: kernelConfigFixture() });
  const first = node.call('create_kernels', ...call);
  const second = node.call('create_kernels', ...call);
  expect(await second).toEqual(await first);
  expect(await node.call('create_kernels', ...call)).toEqual(await first);
  expect(await node.fixture.agent.list({ all: true })).toHaveLength(1);
});

it('fails the call again while the kernel ends, and creates it anew after that', async () => {
  const clock = new FakeClock();
  await using node = await RpcNode.start({ settings: { graceMs: 0 }, dummy: { clock } });
  const id = newKernelId();
  const call = args({ [id]: kernelConfigFixture() });
  const [first] = (await node.call('create_kernels', ...call)) as readonly { readonly container_id: string }[];
  const { dummy } = node.fixture.kernels;
  dummy.fail('removeContainer', { kind: 'delay', delayMs: 60_000 });
  const ended = node.call('destroy_kernel', id, anySession, 'user-requested');
  await expect.poll(() => dummy.calls.some(({ method }) => method === 'removeContainer')).toBe(true);
  await expect(node.call('create_kernels', ...call)).rejects.toThrow(/^FileExistsError .*is terminating/);
  await clock.advance(60_000);
  await ended;
  expect(dummy.containers).toEqual([]);
  const [second] = (await node.call('create_kernels', ...call)) as readonly { readonly container_id: string }[];
  expect(second?.container_id).not.toBe(first?.container_id);
  expect(dummy.containers).toHaveLength(1);
});

it('puts the kernels of a session on the network that is named, each under its host name', async () => {
  await using node = await RpcNode.start();
  const ids = [newKernelId(), newKernelId()] as const;
  await node.call('create_local_network', 'bai-singlenode-x');
  const sub = kernelConfigFixture({ cluster_role: 'sub', cluster_hostname: 'sub1' });
  await node.call(
    'create_kernels',
    ...args({ [ids[0]]: kernelConfigFixture(), [ids[1]]: sub }, { network_name: 'bai-singlenode-x' }),
  );
  const made = node.fixture.kernels.dummy.containers.map(({ spec }) => [
    spec.hostname,
    spec.network,
    spec.networkAliases,
  ]);
  expect(made.toSorted()).toEqual([
    ['main1', 'bai-singlenode-x', ['main1']],
    ['sub1', 'bai-singlenode-x', ['sub1']],
  ]);
});

it('puts kernels on the network of the host, with the ports that were lent for them', async () => {
  await using node = await RpcNode.start();
  const id = newKernelId();
  const port = (await node.call('assign_port')) as number;
  const config = kernelConfigFixture({ allocated_host_ports: [port] });
  const cluster = {
    network_name: 'host',
    cluster_ssh_port_mapping: { main1: ['10.0.0.5', port], sub1: ['10.0.0.6', 30_011] },
  };
  const [made] = (await node.call('create_kernels', ...args({ [id]: config }, cluster))) as readonly object[];
  expect(made).toMatchObject({
    service_ports: [
      { name: 'sshd', container_ports: [port], host_ports: [port] },
      { name: 'ttyd', container_ports: [31_000], host_ports: [31_000] },
      { name: 'echoapp', container_ports: [31_001], host_ports: [31_001] },
      { name: 'webapp', container_ports: [31_002, 31_003], host_ports: [31_002, 31_003] },
    ],
  });
  const { dummy, leases } = node.fixture.kernels;
  expect(dummy.containers.map(({ spec: { network, ports, hosts } }) => ({ network, ports, hosts }))).toEqual([
    {
      network: 'host',
      ports: [],
      hosts: [
        ['main1', '10.0.0.5'],
        ['sub1', '10.0.0.6'],
      ],
    },
  ]);
  expect(leases.heldBy(id).toSorted()).toEqual([port, 31_000, 31_001, 31_002, 31_003]);
  expect(node.services.pool.use().used).toBe(0);
  await node.call('destroy_kernel', id, anySession, 'user-requested');
  expect(leases.held.size).toBe(0);
});

it('leaves nothing of a call that fails for one of its kernels', async () => {
  await using node = await RpcNode.start();
  const [good, greedy] = [newKernelId(), newKernelId()];
  const kernels = {
    [good]: kernelConfigFixture(),
    [greedy]: kernelConfigFixture({ resource_slots: { cpu: '9999', mem: '268435456' } }),
  };
  await expect(node.call('create_kernels', ...args(kernels))).rejects.toThrow('InsufficientResource');
  expect(await node.fixture.agent.list({ all: false })).toEqual([]);
  expect(await node.fixture.kernels.leftovers()).toEqual([]);
  expect(node.services.published).toEqual(expect.arrayContaining(['resource check', `suppressed ${good}`]));
});

it('pulls by the policy, and says so', async () => {
  await using node = await RpcNode.start();
  const absent = { ...(kernelConfigFixture()['image'] as object), canonical: 'drv.local/kern/nosuch:1' };
  await expect(refusal(node, { image: absent, auto_pull: 'none' })).rejects.toThrow('ImageNotAvailable');
  expect(node.services.published.splice(0)).toEqual([expect.stringContaining('failed')]);
  await expect(refusal(node, { image: absent, auto_pull: 'tag' })).rejects.toThrow('DockerError');
  expect(node.services.published).toEqual([
    expect.stringContaining('pulls drv.local/kern/nosuch:1'),
    expect.stringContaining('failed'),
    expect.stringContaining('error DockerError: '),
  ]);
});

const refusedSlots = [
  [{ cpu: null }, "InvalidResourceArgument InvalidResourceArgument(\"The amount of the slot 'cpu' must be asked for"],
  [{ mem: '0' }, "The amount of the slot 'mem' must be asked for"],
  [{ cpu: '0.5' }, "The amount of the slot 'cpu' must be one core at least, not 0.5"],
  [{ cpu: '-1' }, "The amount of the slot 'cpu' cannot be below 0, as -1 is"],
  [{ cpu: 'NaN' }, 'ValueError ValueError('],
  [{ cpu: '0x1' }, 'is not a decimal number'],
  [{ cpu: '' }, 'is not a decimal number'],
  [{ cpu: 'Infinity' }, "The amount of the slot 'cpu' cannot be Infinity"],
  [{ cpu: '1e300' }, 'InsufficientResource'],
  [{ mem: '1e30' }, 'InsufficientResource'],
  [{ mem: '268435456.5' }, "The amount of the slot 'mem' must be whole bytes, not 268435456.5"],
  [{ 'tpu.device': '-1' }, 'UnsupportedResource'],
] as const;

it('refuses what cannot be, each in upstream’s words', async () => {
  await using node = await RpcNode.start();
  await expect(refusal(node, { resource_slots: { cpu: '1', mem: '268435456', 'tpu.device': '1' } })).rejects.toThrow(
    "UnsupportedResource UnsupportedResource('tpu.device')",
  );
  for (const [slots, words] of refusedSlots) {
    await expect(refusal(node, { resource_slots: { cpu: '1', mem: '268435456', ...slots } })).rejects.toThrow(words);
  }
  expect(await node.fixture.kernels.leftovers()).toEqual([]);
  await expect(refusal(node, { preopen_ports: [2000] })).rejects.toThrow('AgentError');
  await expect(refusal(node, { preopen_ports: [9900] })).rejects.toThrow('AgentError');
  await expect(refusal(node, { session_type: 'inference' })).rejects.toThrow('AgentError');
  const [session = null, ids = null, configs = null, cluster = null] = args({
    [newKernelId()]: kernelConfigFixture(),
  });
  await expect(node.call('create_kernels', session, ids, configs, cluster, {})).rejects.toThrow('KeyError(UUID(');
  await expect(node.call('create_kernels', session, [], configs, cluster, {})).rejects.toThrow('ValueError');
  expect(await node.fixture.agent.list({ all: true })).toEqual([]);
});

it('takes the configuration of a 26.8 manager, which names the agent and the network otherwise', async () => {
  await using node = await RpcNode.start();
  const id = newKernelId();
  const fixture = kernelConfigFixture();
  const config = {
    ...fixture,
    ...{ kernel_id: id, session_id: anySession, owner_user_id: anySession, owner_project_id: null, network_id: id },
    ...{ cluster_mode: 'single-node', uid: null, main_gid: null, supplementary_gids: [], package_directory: [] },
    image: { ...(fixture['image'] as object), project: null, auto_pull: 'tag' },
    endpoint_id: null,
  };
  const [session = null, ids = null, configs = null, , references = null] = args({ [id]: config });
  const cluster = { mode: 'single-node', size: 1, replicas: { main: 1 }, cluster_ssh_port_mapping: null };
  const order = (network: Record<string, string>) => [
    ...[session, ids, configs, { ...cluster, network_config: network, ssh_keypair: null }, references],
  ];
  const agent = { agent_id: 'i-test' };
  const { failure } = await node.client.call('create_kernels', order({ mode: 'overlay' }), agent);
  expect(failure?.slice(0, 1)).toEqual(['NotImplementedError']);
  const { value } = await node.client.call('create_kernels', order({}), agent);
  expect(value).toMatchObject([{ id, kernel_host: '10.0.0.5' }]);
  expect(await node.call('check_running', id, 'i-test')).toBe(true);
});
