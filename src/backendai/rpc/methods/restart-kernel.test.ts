import { expect, it } from 'vitest';
import { createKernelsArguments, kernelConfigFixture } from '../../../../test/support/create-kernels-request.ts';
import { anySession, RpcNode, unknownKernel } from '../../../../test/support/rpc-node.ts';
import { newKernelId } from '../../../lib/ids.ts';
import type { MsgpackValue } from '../../wire/msgpack/value.ts';

const reference = { registry: 'r', project: null, name: 'n', tag: 't', architecture: 'x86_64', is_local: false };

it('makes a new container on the same ports', async () => {
  await using node = await RpcNode.start();
  const id = newKernelId();
  const [before] = (await node.call(
    'create_kernels',
    ...createKernelsArguments(anySession, { [id]: kernelConfigFixture() }),
  )) as readonly { readonly container_id: string; readonly service_ports: unknown }[];
  const after = await node.call('restart_kernel', anySession, id, reference, {});
  expect(after).toEqual({
    container_id: expect.any(String),
    repl_in_port: 0,
    repl_out_port: 0,
    stdin_port: 0,
    stdout_port: 0,
    service_ports: before?.service_ports,
  });
  expect(after).not.toMatchObject({ container_id: before?.container_id });
});

it('lays changed variables over those that were requested at its creation', async () => {
  await using node = await RpcNode.start();
  const id = newKernelId();
  await node.call('create_kernels', ...createKernelsArguments(anySession, { [id]: kernelConfigFixture() }));
  await node.call('restart_kernel', anySession, id, reference, { environ: { USER_VARIABLE: 'new', 'odd.name': '' } });
  const { spec } = node.fixture.kernels.kernels.registry.get(id);
  expect(Object.fromEntries(spec.environ)).toMatchObject({ USER_VARIABLE: 'new', 'odd.name': '' });
});

it('refuses kernels that are not here, and changes of anything but variables', async () => {
  await using node = await RpcNode.start();
  const { id } = await node.kernel();
  await expect(node.call('restart_kernel', anySession, unknownKernel, reference, {})).rejects.toThrow(
    'FileNotFoundError',
  );
  const changed = (updated: Readonly<Record<string, MsgpackValue>>): Promise<unknown> =>
    node.call('restart_kernel', anySession, id, reference, updated);
  await expect(changed({ resource_slots: {} })).rejects.toThrow('NotImplementedError');
  await expect(changed({ environ: { A: 1 } })).rejects.toThrow('ValueError');
  await expect(changed({ environ: { 'A=': 'x' } })).rejects.toThrow('is not a name');
});
