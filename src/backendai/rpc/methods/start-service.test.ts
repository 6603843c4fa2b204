import { expect, it } from 'vitest';
import { createKernelsArguments, kernelConfigFixture } from '../../../../test/support/create-kernels-request.ts';
import { anySession, RpcNode, unknownKernel } from '../../../../test/support/rpc-node.ts';
import { type KernelId, newKernelId } from '../../../lib/ids.ts';

async function kernelOf(node: RpcNode, change: Parameters<typeof kernelConfigFixture>[0] = {}): Promise<KernelId> {
  const id = newKernelId();
  await node.call('create_kernels', ...createKernelsArguments(anySession, { [id]: kernelConfigFixture(change) }));
  return id;
}

it('hands starts and ends to the runner, with what the caller chose', async () => {
  await using node = await RpcNode.start();
  const id = await kernelOf(node);
  expect(await node.call('start_service', id, 'echoapp', {})).toEqual({ status: 'started' });
  const chosen = { arguments: { '--directory': '/home/work/www', '--all': null, '--of': ['a'] }, envs: { A: '1' } };
  node.runner.startService = async () => ({ status: 'failed', error: 'no such file' });
  expect(await node.call('start_service', id, 'webapp', chosen)).toEqual({ status: 'failed', error: 'no such file' });
  expect(await node.call('shutdown_service', id, 'webapp')).toBeNull();
  expect(node.runner.requests.slice(-3)).toEqual([
    { method: 'start-service', params: { name: 'echoapp', options: { arguments: {}, envs: {} } } },
    { method: 'start-service', params: { name: 'webapp', options: chosen } },
    { method: 'stop-service', params: { name: 'webapp' } },
  ]);
});

it('answers for the runner where that is not asked', async () => {
  await using node = await RpcNode.start();
  const id = await kernelOf(node, { internal_data: { block_service_ports: true } });
  const asked = node.runner.requests.length;
  expect(await node.call('start_service', id, 'echoapp', {})).toEqual({ status: 'failed', error: 'operation blocked' });
  const other = await kernelOf(node);
  const invalid = { status: 'failed', error: 'invalid service name' };
  expect(await node.call('start_service', other, 'nothing', {})).toEqual(invalid);
  expect(await node.call('shutdown_service', other, 'nothing')).toBeNull();
  expect(node.runner.requests).toHaveLength(asked);
});

it('start_service of a kernel that is not here fails, and publishes no end', async () => {
  await using node = await RpcNode.start();
  await expect(node.call('start_service', unknownKernel, 'x', {})).rejects.toThrow(
    `KeyError KeyError(UUID('${unknownKernel}'))`,
  );
  expect(await node.call('shutdown_service', unknownKernel, 'x')).toBeNull();
});

it('says in the results of creations what the image says of its services', async () => {
  await using node = await RpcNode.start();
  node.fixture.prepareRunner = (runner) => {
    runner.apps = [
      { name: 'webapp', urlTemplate: '{protocol}://{host}', allowedArguments: ['--directory'], allowedEnvs: ['A'] },
      { name: 'echoapp', urlTemplate: '', allowedArguments: [], allowedEnvs: [] },
      { name: 'another', urlTemplate: 'x', allowedArguments: [], allowedEnvs: [] },
    ];
  };
  const id = newKernelId();
  const [made] = (await node.call(
    'create_kernels',
    ...createKernelsArguments(anySession, { [id]: kernelConfigFixture() }),
  )) as readonly { readonly service_ports: readonly object[] }[];
  expect(made?.service_ports.map((port) => Object.keys(port).slice(5))).toEqual([
    ...[[], [], []],
    ['url_template', 'allowed_arguments', 'allowed_envs'],
  ]);
  expect(made?.service_ports[3]).toMatchObject({ name: 'webapp', allowed_arguments: ['--directory'] });
});
