import { expect, it } from 'vitest';
import { rpcServices } from '../../../test/support/rpc-services.ts';
import { FakeAgent } from '../../http/fake-agent.test-support.ts';
import { silentLogger } from '../../lib/log.ts';
import { gatherHwinfoV2 } from './gather-hwinfo-v2.ts';
import { scanGpuAllocMap } from './scan-gpu-alloc-map.ts';

const device = { plugin: 'cuda', location: '', memoryBytes: 0, processingUnits: 0, numaNode: null, modelName: '' };

it('adds up what kernels have of each GPU, and lists what plugins say of their hardware', async () => {
  const agent = new FakeAgent();
  const resources = await agent.resources();
  agent.resources = async () => ({
    ...resources,
    devices: [
      {
        ...device,
        id: 'GPU-1',
        used: [
          { slot: 'cuda.shares', amount: '0.25' },
          { slot: 'cuda.shares', amount: '0.5' },
        ],
      },
      { ...device, id: 'GPU-2', used: [] },
      { ...device, id: 'GPU-3', used: [{ slot: 'cuda.device', amount: '1' }] },
      { ...device, plugin: 'cpu', id: '0', used: [{ slot: 'cpu', amount: '1' }] },
    ],
    hardware: { cuda: { status: 'healthy', status_info: null, metadata: { driver: '1' } } },
  });
  await using services = rpcServices({ agent });
  const call = { services, signal: AbortSignal.timeout(1000), log: silentLogger };
  expect(await scanGpuAllocMap.handle({}, call)).toEqual({ 'GPU-1': '0.75', 'GPU-3': '1' });
  expect(await gatherHwinfoV2.handle({ req: {} }, call)).toEqual({
    devices: [{ device_name: 'cuda', status: 'healthy', status_info: null, metadata: { driver: '1' } }],
  });
});
