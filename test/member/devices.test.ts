/** Accelerators of a member: what managers are told of them, and what they read. */
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { decodeMsgpack } from '../../src/backendai/wire/msgpack/decode.ts';
import { Member } from '../support/cluster/member.ts';
import { describeCluster } from '../support/cluster/services.ts';

const gpu = (uuid: string): string =>
  `{ mother_uuid = "${uuid}", model_name = "A", numa_node = 0, subproc_count = 8, memory_size = "2g", is_mig_device = false }`;
const mock = (...uuids: readonly string[]): string =>
  `slot_name = "cuda"\ndevice_plugin_name = "CUDADevice"\ndevices = [${uuids.map(gpu).join(', ')}]\n[attributes]\n[formats]\n`;

describeCluster('accelerators of a member of a cluster', (services) => {
  beforeAll(async () => {
    await services.settle({ 'config/plugins/accelerator/mock/allocation_mode': 'fractional' });
  });

  const value = async (key: string): Promise<unknown> => {
    const bytes = await services.statistics.call(['GET', key]);
    return bytes === null ? null : decodeMsgpack(bytes as Buffer);
  };

  it('are offered as the cluster says, accounted, measured, and followed when they come and go', {
    timeout: 180_000,
  }, async () => {
    await using member = await Member.make({
      id: 'i-devices',
      etcdPort: services.etcd.port,
      stream: services.stream,
      agentLines: ['allow-compute-plugins = ["ai.backend.accelerator.mock"]'],
    });
    const file = path.join(member.folder, 'mock-accelerator.toml');
    await writeFile(file, mock('gpu-a', 'gpu-b'));
    await member.startDaemon();
    await member.untilLogged('member of the cluster');
    const slots = async (): Promise<unknown> => {
      const [info] = (await member.events('agent_heartbeat')).at(-1)?.args ?? [];
      return (info as { resource_slots?: Readonly<Record<string, unknown>> } | undefined)?.resource_slots?.[
        'cuda.shares'
      ];
    };
    expect(await slots()).toEqual(['count', '2']);
    const [beat] = (await member.events('agent_heartbeat')).at(-1)?.args ?? [];
    expect(beat).toMatchObject({ compute_plugins: { cuda: { cuda_support: true } } });
    const shown = await services.statistics.call(['HGET', 'computer.metadata', 'cuda.shares']);
    expect(JSON.parse(String(shown))).toMatchObject({ slot_name: 'cuda.shares' });
    expect(await member.call('gather_hwinfo')).toMatchObject({ cuda: { status: 'healthy', status_info: null } });

    const order = { resource_slots: { cpu: '1', mem: '134217728', 'cuda.shares': '0.5' }, resource_opts: {} };
    const kernel = await member.create(order, 'kernelet/shell:latest');
    expect(kernel.info).toMatchObject({
      resource_spec: { allocations: { cuda: { 'cuda.shares': expect.anything() } } },
      attached_devices: { cuda: [{ model_name: 'A', data: { mem: 2 ** 30, smp: 4 } }] },
    });
    expect(await member.execute(kernel, 'echo $BACKENDAI_MOCK_CUDA_DEVICE_COUNT')).toBe('1\n');
    await member.until('figures of the kernel', async () =>
      JSON.stringify(await value(kernel.id)).includes('cuda_mem'),
    );
    expect(await value(kernel.id)).toMatchObject({
      cuda_mem: { capacity: String(2 ** 30), unit_hint: 'bytes', current: expect.stringMatching(/^\d+$/) },
      cuda_util: { capacity: '100', unit_hint: 'percent', 'stats.avg': expect.anything() },
    });
    expect(await value(member.id)).toMatchObject({
      node: { cuda_mem: { capacity: String(2 ** 32) }, cuda_power: { unit_hint: 'Watts' }, mem: {} },
      devices: { cuda_util: { 'gpu-a': { capacity: '100' }, 'gpu-b': {} }, cuda_temperature: { 'gpu-a': {} } },
    });

    await writeFile(file, mock('gpu-a', 'gpu-b', 'gpu-c'));
    await member.until('another device', async () => JSON.stringify(await slots()) === '["count","3"]', 60_000);
    await writeFile(file, mock('gpu-a'));
    await member.until('fewer devices', async () => JSON.stringify(await slots()) === '["count","1"]', 60_000);
    expect(await member.execute(kernel, 'echo still here')).toBe('still here\n');
    await member.destroy(kernel);
  });
});
