import { expect, it } from 'vitest';
import { testDevices } from '../../test/support/kernels-fixture.ts';
import { cudaPlugin } from '../devices/cuda-plugin.ts';
import { resourcesReplySchema } from '../http/routes/resources.ts';
import { newKernelId } from '../lib/ids.ts';
import { readResourceRequest } from '../resources/slot-amounts.ts';
import { resourcesOf } from './node-resources.ts';

it('shows what the node has, who has it, and what is reported', async () => {
  const gpu = { location: '0000:3B:00.0', memoryBytes: 1, processingUnits: 8, numaNode: -1, modelName: 'A' };
  const cuda = cudaPlugin({
    enabled: true,
    engineVersion: [28, 0, 0],
    devices: [
      { id: '0', ...gpu },
      { id: '1', ...gpu },
    ],
    driverVersion: '550.1',
    cudaVersion: '12.4',
  });
  const devices = testDevices([cuda]);
  const never = new AbortController().signal;
  const ask = readResourceRequest({ cpu: '2', mem: '1024', 'cuda.device': '1' }, devices.known);
  await devices.lease(newKernelId(), ask, never);
  const resources = await resourcesOf(devices, never);
  expect(resourcesReplySchema.parse(resources)).toEqual(resources);
  expect(resources.slots).toEqual([
    { slot: 'cuda.device', type: 'count', available: '2', reserved: '0', used: '1' },
    { slot: 'cpu', type: 'count', available: '8', reserved: '0', used: '2' },
    { slot: 'mem', type: 'bytes', available: '68719476736', reserved: '0', used: '1024' },
  ]);
  expect(resources.devices.map(({ id, used }) => [id, used])).toEqual([
    ['0', [{ slot: 'cuda.device', amount: '1' }]],
    ['1', []],
    ['any', [{ slot: 'cpu', amount: '2' }]],
    ['root', [{ slot: 'mem', amount: '1024' }]],
  ]);
  expect(resources.plugins['cuda']).toEqual({
    version: '1',
    cuda_support: true,
    nvidia_version: '550.1',
    cuda_version: '12.4',
  });
  expect(Object.keys(resources.metadata)).toEqual(['cuda.device', 'cpu', 'ram']);
  expect(resources.hardware).toMatchObject({ cuda: { status: 'healthy', status_info: null } });
  const half = readResourceRequest({ cpu: '1', mem: '1024', 'cuda.device': '0.5' }, devices.known);
  await expect(devices.lease(newKernelId(), half, never)).rejects.toThrow('in whole units only, not 0.5');
  expect(devices.use('cpu').used).toBe(2);
});
