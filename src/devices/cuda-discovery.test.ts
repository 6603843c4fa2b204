import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type FakeNvml, fakeNvml } from '../../test/support/fake-nvml.ts';
import { Decimal, plainText } from '../lib/decimal.ts';
import { discoverCuda } from './cuda-discovery.ts';
import { cudaPlugin } from './cuda-plugin.ts';
import type { DevicePlugin } from './device-plugin.ts';

let nvml: FakeNvml;
let folder: string;
beforeAll(async () => {
  nvml = await fakeNvml();
}, 300_000);
afterAll(() => nvml[Symbol.asyncDispose]());
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kernelet-cuda-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function put(path: string, text: string): Promise<void> {
  await mkdir(dirname(join(folder, path)), { recursive: true });
  await writeFile(join(folder, path), text);
}

const docker = { version: '28.1.0', runtimes: ['runc', 'nvidia'] };
interface Machine {
  readonly macros?: readonly string[];
  readonly options?: Readonly<Record<string, string>>;
  readonly engine?: typeof docker | null;
  readonly timeoutMs?: number;
}

async function discover({ macros, options, engine = docker, timeoutMs = 10_000 }: Machine): Promise<DevicePlugin> {
  const library = await nvml.build(macros);
  const facts = await discoverCuda({
    options: { library, cuda_library: library, ...options },
    engine: async () => engine,
    root: folder,
    timeoutMs,
  });
  if (!facts) throw new Error('nothing was found');
  return cudaPlugin(facts);
}
const available = (plugin: DevicePlugin) =>
  [...plugin.availableSlots()].map(([slot, amount]) => `${slot} ${plainText(amount)}`);

describe('GPUs by the NVIDIA driver', () => {
  it('are found with their memory, place and slices', async () => {
    await put('sys/bus/pci/devices/0000:3b:00.0/numa_node', '1\n');
    await put('sys/bus/pci/devices/0000:3c:00.0/numa_node', '-1\n');
    const plugin = await discover({});
    expect(plugin.devices).toMatchObject([
      { id: '0', uuid: 'GPU-0', location: '0000:3A:00.0', numaNode: null, processingUnits: 108 },
      { id: '1', uuid: 'GPU-1', memoryBytes: 42_949_672_960, numaNode: 1, modelName: 'NVIDIA A100-SXM4-40GB' },
      { id: 'MIG-0', location: '0000:3C:00.0', numaNode: -1, memoryBytes: 4864 * 2 ** 20, processingUnits: 14 },
      { id: 'MIG-2' },
    ]);
    expect(available(plugin)).toEqual(['cuda.device 2', 'cuda.device:5g-mig 2']);
    expect(plugin.extraInfo).toEqual({ cuda_support: true, nvidia_version: '550.54.15', cuda_version: '12.4' });
    const both = new Map([
      ['cuda.device', new Decimal(1)],
      ['cuda.device:5g-mig', new Decimal(1)],
    ]);
    expect(() => plugin.createMap().allocate({ slots: both })).toThrow('cannot be allocated at the same time');
  });

  it('are asked for by their own ids, and hidden from kernels without one', async () => {
    const plugin = await discover({});
    const held = plugin.createMap().allocate({ slots: [['cuda.device', new Decimal(2)]] });
    expect(plugin.arguments(held).requests).toMatchObject([{ driver: 'nvidia', ids: ['GPU-0', 'GPU-1'] }]);
    expect(plugin.resourceData(held)).toEqual([['CUDA_GLOBAL_DEVICE_IDS', '0:0,1:1']]);
    expect(plugin.attachedDevices(held)[0]).toEqual({
      device_id: '0',
      model_name: 'NVIDIA A100-SXM4-40GB',
      data: { smp: 108, mem: 42_949_672_960 },
    });
    expect(plugin.arguments(new Map())).toEqual({ environ: ['NVIDIA_VISIBLE_DEVICES=void'] });
  });

  it('are given out in shares with limits, by memory alone where their processors are unknown', async () => {
    const options = { allocation_mode: 'fractional', unit_mem: String(4 * 2 ** 30) };
    const plugin = await discover({ options });
    expect(available(plugin)).toEqual(['cuda.shares 20', 'cuda.device:5g-mig 2']);
    expect(plugin.metadata?.slot_name).toBe('cuda.shares');
    const held = plugin.createMap().allocate({ slots: [['cuda.shares', new Decimal('0.5')]] });
    expect(Object.fromEntries(plugin.resourceData(held))).toMatchObject({
      CUDA_RESOURCE_VIRTUALIZED: '1',
      CUDA_MEMORY_LIMITS: expect.stringMatching(/^\d:2147483648$/),
    });
    expect(available(await discover({ options: { ...options, cuda_library: '/nonexistent.so' } }))).toContain(
      'cuda.shares 20',
    );
  });

  it('are had through CDI where the engine has no runtime for them', async () => {
    const engine = { version: '28.1.0', runtimes: ['runc'] };
    await expect(discover({ engine })).rejects.toThrow('the engine has no runtime named nvidia');
    await put('etc/cdi/nvidia.yaml', 'cdiVersion: 0.5.0\nkind: nvidia.com/gpu\n');
    const plugin = await discover({ engine });
    const held = plugin.createMap().allocate({ slots: [['cuda.device', new Decimal(1)]] });
    expect(plugin.arguments(held)).toEqual({
      requests: [{ driver: 'cdi', ids: ['nvidia.com/gpu=GPU-0'], capabilities: [] }],
    });
    expect(plugin.arguments(new Map())).toEqual({});
    await expect(discover({ engine: { ...engine, version: '24.0.7' } })).rejects.toThrow('no specification of CDI');
    await expect(discover({ engine: null })).rejects.toThrow('the engine has no runtime');
  });

  it('are masked by index or id, and known to a driver from before slices too', async () => {
    expect((await discover({ options: { device_mask: '0, GPU-2' } })).devices.map(({ id }) => id)).toEqual(['1']);
    expect(available(await discover({ macros: ['FAKE_OLD'] }))).toEqual(['cuda.device 3']);
    expect(available(await discover({ macros: ['FAKE_COUNT=0', 'FAKE_OLD'] }))).toEqual(['cuda.device 0']);
  });

  it('are off without a word where there is no driver', async () => {
    expect(await discoverCuda({ options: {}, engine: async () => docker, root: folder })).toBeNull();
  });

  it.each([
    [['FAKE_NO_DRIVER'], 'the NVIDIA driver cannot be used: nvmlInit_v2: Driver Not Loaded'],
    [['FAKE_CRASH'], 'the NVIDIA driver cannot be used: its probe ended by SIGABRT'],
    [['FAKE_HANG'], 'the NVIDIA driver cannot be used: it does not answer within 1500 ms'],
  ])('are off, in one sentence, when the driver does this: %j', async (macros, problem) => {
    await expect(discover({ macros, timeoutMs: 1500 })).rejects.toThrow(problem);
  });

  it('are off when the library is none', async () => {
    await expect(discover({ options: { library: '/nonexistent.so' } })).rejects.toThrow('the NVIDIA driver cannot');
    await expect(discover({ options: { library: '/etc/passwd' } })).rejects.toThrow('the NVIDIA driver cannot');
  });
});
