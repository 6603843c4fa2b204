import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { type FakeNvml, fakeNvml } from '../../test/support/fake-nvml.ts';
import { endedAfterTests, look } from '../../test/support/hosted-plugins.ts';
import { type Clock, systemClock } from '../lib/clock.ts';
import { Decimal, plainText } from '../lib/decimal.ts';
import { newKernelId } from '../lib/ids.ts';
import { type Logger, silentLogger } from '../lib/log.ts';
import { byProcesses, cudaSource, type GpuProcesses } from './cuda-source.ts';
import { type DeviceHolder, type MeasuredAmount, wholeDeviceMeasure } from './device-plugin.ts';
import type { NodePlugin } from './node-plugin.ts';
import type { PluginSource } from './plugin-source.ts';

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

const never = new AbortController().signal;
const docker = { version: '28.1.0', runtimes: ['runc', 'nvidia'] };
interface Machine {
  readonly macros?: readonly string[];
  readonly options?: Readonly<Record<string, string>>;
  readonly engine?: typeof docker | null;
  readonly clock?: Clock;
}

/** The file by which the driver says that it hangs. */
const mark = (): string => join(folder, 'hangs');
const isMarked = (): Promise<void> => expect.poll(() => existsSync(mark()), { timeout: 20_000 }).toBe(true);

const open = endedAfterTests();

function sourceOf(library: string, { options, engine = docker, clock = systemClock }: Machine): PluginSource {
  const source = cudaSource({
    options: { library, cuda_library: library, ...options },
    engine: async () => engine,
    root: folder,
    agentVersion: '1',
    log: silentLogger,
    clock,
  });
  open.push(source);
  return source;
}
const discover = async (machine: Machine): Promise<NodePlugin> =>
  await look(sourceOf(await nvml.build(machine.macros), machine));
const available = (plugin: NodePlugin) =>
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
    expect(() => plugin.createMap().allocate({ slots: both })).toThrow('a kernel cannot have the slots');
  });

  it('are asked for by their own ids, and hidden from kernels without one', async () => {
    const plugin = await discover({});
    const held = plugin.createMap().allocate({ slots: [['cuda.device', new Decimal(2)]] });
    const answers = await plugin.answer(held, never);
    expect(answers.arguments.requests).toMatchObject([{ driver: 'nvidia', ids: ['GPU-0', 'GPU-1'] }]);
    expect(answers.resourceData).toEqual([['CUDA_GLOBAL_DEVICE_IDS', '0:0,1:1']]);
    expect(answers.attached[0]).toEqual({
      device_id: '0',
      model_name: 'NVIDIA A100-SXM4-40GB',
      data: { smp: 108, mem: 42_949_672_960 },
    });
    expect((await plugin.answer(new Map(), never)).arguments).toEqual({ environ: ['NVIDIA_VISIBLE_DEVICES=void'] });
  });

  it('are given out in shares with limits, by memory alone where their processors are unknown', async () => {
    const options = { allocation_mode: 'fractional', unit_mem: String(4 * 2 ** 30) };
    const plugin = await discover({ options });
    expect(available(plugin)).toEqual(['cuda.shares 20', 'cuda.device:5g-mig 2']);
    expect(plugin.metadata?.slot_name).toBe('cuda.shares');
    const held = plugin.createMap().allocate({ slots: [['cuda.shares', new Decimal('0.5')]] });
    expect(Object.fromEntries((await plugin.answer(held, never)).resourceData)).toMatchObject({
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
    expect((await plugin.answer(held, never)).arguments).toEqual({
      requests: [{ driver: 'cdi', ids: ['nvidia.com/gpu=GPU-0'], capabilities: [] }],
    });
    expect((await plugin.answer(new Map(), never)).arguments).toEqual({});
    await expect(discover({ engine: { ...engine, version: '24.0.7' } })).rejects.toThrow('no specification of CDI');
    await expect(discover({ engine: null })).rejects.toThrow('the engine has no runtime');
  });

  it('are masked by index or id, and known to a driver from before slices too', async () => {
    expect((await discover({ options: { device_mask: '0, GPU-2' } })).devices.map(({ id }) => id)).toEqual(['1']);
    expect(available(await discover({ macros: ['FAKE_OLD'] }))).toEqual(['cuda.device 3']);
    expect(available(await discover({ macros: ['FAKE_COUNT=0', 'FAKE_OLD'] }))).toEqual(['cuda.device 0']);
  });

  it('are off, in one line of the log, where there is no driver', async () => {
    const lines: string[] = [];
    const log: Logger = { ...silentLogger, info: (text) => void lines.push(text) };
    const source = cudaSource({ options: {}, engine: async () => docker, root: folder, agentVersion: '1', log });
    open.push(source);
    expect([await source.discover(never), await source.discover(never)]).toEqual([null, null]);
    expect(lines).toEqual(['cuda is off: this machine has no NVIDIA driver']);
  });

  it.each([
    [['FAKE_NO_DRIVER'], 'the NVIDIA driver says: nvmlInit_v2: Driver Not Loaded'],
    [['FAKE_CRASH'], 'the NVIDIA driver ended by SIGABRT'],
  ])('are off, in one sentence, when the driver does this: %j', async (macros, problem) => {
    await expect(discover({ macros })).rejects.toThrow(problem);
  });

  // @promise plugins-hang
  it('are off when the driver hangs', async () => {
    const clock = new FakeClock();
    const refused = expect(discover({ macros: [`FAKE_HANG="${mark()}"`], clock })).rejects.toThrow(
      'discover() of the NVIDIA driver took longer than 10000 ms',
    );
    await isMarked();
    await clock.advance(10_000);
    await refused;
  });

  it('are off when the library is none', async () => {
    await expect(discover({ options: { library: '/nonexistent.so' } })).rejects.toThrow(
      'the NVIDIA driver says: Failed to load',
    );
    await expect(discover({ options: { library: '/etc/passwd' } })).rejects.toThrow(
      'the NVIDIA driver says: Failed to load',
    );
  });

  it('are measured by device, slice and kernel', async () => {
    const plugin = await discover({});
    const held = plugin.createMap().allocate({ slots: [['cuda.device', new Decimal(2)]] });
    const slice = plugin.createMap().allocate({ slots: [['cuda.device:5g-mig', new Decimal(1)]] });
    const [both, cut, none] = [newKernelId(), newKernelId(), newKernelId()];
    const holders = [
      { kernel: both, container: 'a', allocation: held, pids: [] },
      { kernel: cut, container: 'b', allocation: slice, pids: [] },
      { kernel: none, container: 'c', allocation: new Map(), pids: [] },
    ];
    const [memory, utilization] = (await plugin.measure?.(holders, never)) ?? [];
    expect(memory).toMatchObject({ key: 'cuda_mem', unit: 'bytes', filter: ['max'], hook: null });
    expect(utilization).toMatchObject({ key: 'cuda_util', unit: 'percent', filter: ['avg', 'max'], hook: null });
    const texts = (amounts?: ReadonlyMap<string, MeasuredAmount>) =>
      [...(amounts ?? [])].map(([id, { value, capacity }]) => `${id} ${value} / ${capacity}`);
    expect(texts(memory?.devices)).toEqual([
      '0 1073741824 / 42949672960',
      '1 2147483648 / 42949672960',
      'MIG-0 1048576 / 42949672960',
      'MIG-2 1048576 / 42949672960',
    ]);
    expect(texts(utilization?.devices)).toEqual(['0 10 / 100', '1 20 / 100']);
    expect(utilization?.node).toMatchObject({ value: 30, capacity: 200 });
    expect(texts(memory?.kernels)).toEqual([`${both} 3221225472 / 85899345920`, `${cut} 1048576 / 42949672960`]);
    expect(texts(utilization?.kernels)).toEqual([`${both} 30 / 200`]);
  });

  it('that are shared are measured by the processes of each kernel, and as a whole where those are not known', async () => {
    const options = { allocation_mode: 'fractional', unit_mem: String(4 * 2 ** 30) };
    const plugin = await discover({ macros: ['FAKE_PROCESSES'], options });
    const [busy, idle, drawing] = [newKernelId(), newKernelId(), newKernelId()];
    const [unread, other] = [newKernelId(), newKernelId()];
    const shareOf = (id: string, amount: string) => new Map([['cuda.shares', new Map([[id, new Decimal(amount)]])]]);
    const holders = [
      { kernel: busy, container: 'a', allocation: shareOf('0', '0.5'), pids: [99, 100] },
      { kernel: idle, container: 'b', allocation: shareOf('0', '2'), pids: [7] },
      { kernel: drawing, container: 'd', allocation: shareOf('0', '1'), pids: [300] },
      { kernel: unread, container: 'e', allocation: shareOf('0', '1'), pids: [] },
      { kernel: other, container: 'c', allocation: shareOf('1', '1'), pids: [8] },
    ];
    const texts = (amounts?: ReadonlyMap<string | number, MeasuredAmount>) =>
      [...(amounts ?? [])].map(([id, { value, capacity }]) => `${id} ${value} / ${capacity}`);
    const [memory, utilization] = (await plugin.measure?.(holders, never)) ?? [];
    expect(texts(memory?.kernels)).toEqual([
      `${busy} 8589934592 / 2147483648`,
      `${idle} 0 / 8589934592`,
      `${drawing} 2097152 / 4294967296`,
      `${unread} 1073741824 / 42949672960`,
      `${other} 2147483648 / 42949672960`,
    ]);
    expect(texts(memory?.processes)).toEqual(['100 8589934592 / 42949672960', '300 2097152 / 42949672960']);
    expect(texts(utilization?.kernels)).toEqual([
      `${busy} 42 / 100`,
      `${idle} 0 / 100`,
      `${drawing} 5 / 100`,
      `${unread} 10 / 100`,
      `${other} 20 / 100`,
    ]);
    expect(texts(utilization?.processes)).toEqual(['100 42 / 100', '300 5 / 100']);
    // Nobody has had it work since.
    expect(texts((await plugin.measure?.(holders, never))?.[1]?.kernels)[0]).toBe(`${busy} 0 / 100`);
    const unknown = await discover({ options });
    expect(texts((await unknown.measure?.(holders, never))?.[0]?.kernels)[1]).toBe(`${idle} 1073741824 / 42949672960`);
  });

  it('that hang when they are measured cost the measure, and are looked for all the same', async () => {
    const clock = new FakeClock();
    const source = sourceOf(await nvml.build([`FAKE_HANG_MEASURING="${mark()}"`]), { clock });
    const plugin = await look(source);
    const refused = expect(plugin.measure?.([], never)).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    await isMarked();
    await clock.advance(2_000);
    await refused;
    expect(await look(source)).toBe(plugin);
  });

  it('that fall off the bus are missed while the others stay, and are told in the hardware', async () => {
    const gone = join(folder, 'gone');
    const source = sourceOf(await nvml.build([`FAKE_LOST="${gone}"`, 'FAKE_OLD']), {});
    const before = await look(source);
    expect(await look(source)).toBe(before);
    expect(await before.hardware(never)).toMatchObject({ status: 'healthy', metadata: { devices: '3' } });
    await put('gone0', '');
    const after = await look(source);
    expect(after.devices.map(({ id }) => id)).toEqual(['1', '2']);
    expect(await after.hardware(never)).toEqual({
      status: 'degraded',
      status_info: '1 of the GPUs does not answer the driver',
      metadata: { driver_version: '550.54.15', cuda_version: '12.4', devices: '2', models: 'NVIDIA A100-SXM4-40GB' },
    });
    await rm(gone.concat('0'));
    expect(available(await look(source))).toEqual(['cuda.device 3']);
  });
});

const kernel = newKernelId();
const holder = (pids: readonly number[], shares: Readonly<Record<string, string>>): DeviceHolder => ({
  kernel,
  container: 'c',
  allocation: new Map([
    ['cuda.shares', new Map(Object.entries(shares).map(([id, share]) => [id, new Decimal(share)]))],
  ]),
  pids,
});
const process = (pid: number, memory: number | null) => ({ pid, memory, utilization: null });

/** The kernel's memory, and that of its processes, where each of two GPUs has 50 of 100 in use. */
function measured(processes: GpuProcesses, of: DeviceHolder, shareSlot: string | null = 'cuda.shares') {
  const devices = new Map(['0', '1'].map((id) => [id, { value: 50, capacity: 100 }]));
  const whole = wholeDeviceMeasure({ key: 'cuda_mem', unit: 'bytes', filter: [], hook: null }, devices, [of]);
  const figure = {
    of: ({ memory }: { memory: number | null }) => memory,
    capacityOf: (share: Decimal) => share.times(40).toNumber(),
  };
  const { kernels, processes: found } = byProcesses(whole, processes, [of], shareSlot, figure);
  const text = (amount: MeasuredAmount | undefined) => `${amount?.value} / ${amount?.capacity}`;
  return [text(kernels.get(kernel)), [...found].map(([pid, amount]) => `${pid}: ${text(amount)}`)];
}

it('adds up what processes of a kernel use of all GPUs that it has shares of, out of its shares', () => {
  const processes = new Map([
    ['0', [process(1, 7), process(2, 9), process(3, 11)]],
    ['1', [process(1, 5)]],
  ]);
  const of = holder([1, 3, 4], { '0': '0.5', '1': '1' });
  expect(measured(processes, of)).toEqual(['23 / 60', ['1: 12 / 200', '3: 11 / 100']]);
  expect(measured(processes, of, null)).toEqual(['100 / 200', ['1: 12 / 200', '3: 11 / 100']]);
  expect(measured(processes, holder([1, 3], { '0': '0.5', '1': '0' }))).toEqual(['18 / 20', expect.anything()]);
});

it('takes a GPU without processes for one that nobody uses', () => {
  const processes = new Map([
    ['0', []],
    ['1', [process(9, 3), process(1, 2)]],
  ]);
  expect(measured(processes, holder([1], { '0': '1' }))).toEqual(['0 / 40', []]);
});

it.each([
  ['does not tell', null],
  ['tells of one without its figure', [process(1, 7), process(2, null)]],
  ['tells of none that is known here', [process(70, 7)]],
])('goes by the whole GPU where the driver %s', (_, list) => {
  expect(measured(new Map([['0', list]]), holder([1], { '0': '0.5' }))).toEqual(['50 / 100', []]);
});
