import { expect, it } from 'vitest';
import { createKernelsArguments, kernelConfigFixture } from '../../../../test/support/create-kernels-request.ts';
import { testDevices } from '../../../../test/support/kernels-fixture.ts';
import { anySession, RpcNode } from '../../../../test/support/rpc-node.ts';
import { readShareOptions } from '../../../devices/fractional-gpu.ts';
import { readMockConfig } from '../../../devices/mock-config.ts';
import { mockPlugin } from '../../../devices/mock-plugin.ts';
import { newKernelId } from '../../../lib/ids.ts';

/** A node with one pretended GPU of two shares or so. */
function pretendedGpu() {
  const gpu = {
    mother_uuid: 'c59395cd-ac91-4cd3-a1b0-3d2568aa2d01',
    model_name: 'CUDA GPU',
    numa_node: 0,
    subproc_count: 108,
    memory_size: '2G',
    is_mig_device: false,
  };
  const file = { slot_name: 'cuda', device_plugin_name: 'CUDADevice', devices: [gpu], attributes: {}, formats: {} };
  return mockPlugin(readMockConfig(file), readShareOptions('cuda', { allocation_mode: 'fractional' }));
}

it('adds up what kernels have of each GPU, and lists what its driver says', async () => {
  await using node = await RpcNode.start({ devices: testDevices([pretendedGpu()]) });
  expect(await node.call('scan_gpu_alloc_map')).toEqual({});
  const kernels = Object.fromEntries(
    ['0.2', '0.5'].map((shares) => [
      newKernelId(),
      kernelConfigFixture({ resource_slots: { cpu: '1', mem: '268435456', 'cuda.shares': shares } }),
    ]),
  );
  await node.call('create_kernels', ...createKernelsArguments(anySession, kernels));
  expect(await node.call('scan_gpu_alloc_map')).toEqual({ 'c59395cd-ac91-4cd3-a1b0-3d2568aa2d01': '0.7' });
  const [first = ''] = Object.keys(kernels);
  await node.call('destroy_kernel', first, anySession);
  expect(await node.call('scan_gpu_alloc_map')).toEqual({ 'c59395cd-ac91-4cd3-a1b0-3d2568aa2d01': '0.5' });
  const { value } = await node.client.call('gather_hwinfo_v2', [], { req: {}, agent_id: 'i-test' });
  expect(value).toEqual({
    devices: [
      {
        device_name: 'cuda',
        status: 'healthy',
        status_info: null,
        metadata: expect.objectContaining({ serial_number: 'N/A' }),
      },
    ],
  });
});
