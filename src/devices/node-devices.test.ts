import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { byDepth } from '../../test/support/depth.ts';
import { npuPlugin } from '../../test/support/npu-plugin.ts';
import { Decimal, plainText } from '../lib/decimal.ts';
import { KerneletError } from '../lib/errors.ts';
import { type KernelId, newKernelId } from '../lib/ids.ts';
import { silentLogger } from '../lib/log.ts';
import { readResourceRequest } from '../resources/slot-amounts.ts';
import { cpuPlugin, memPlugin } from './basic-plugins.ts';
import { NodeDevices } from './node-devices.ts';
import { inProcess, type NodePlugin } from './node-plugin.ts';
import { PluginSearch } from './plugin-source.ts';

const never = new AbortController().signal;
const cores = [0, 1, 2, 3].map((core) => ({ core, numaNode: core % 2 }));
const cpu = cpuPlugin({ cores, overcommit: 1, agentVersion: '1', machine: 'x86_64', system: 'Linux' });

/** An accelerator of four units, or of these, that answers as a test says. */
const npu = (answer: NodePlugin['answer'], ids: readonly string[] = ['0', '1', '2', '3']): NodePlugin => ({
  ...inProcess(npuPlugin(ids), '1'),
  answer,
});

const options = {
  order: ['cpu', 'mem'],
  policy: 'interleaved',
  rule: '24.09',
  reserved: new Map(),
  logAllocations: false,
  log: silentLogger,
} as const;
const nodeOf = (plugin: NodePlugin): NodeDevices =>
  new NodeDevices({
    ...options,
    plugins: [plugin, inProcess(cpu, '1'), inProcess(memPlugin(2 ** 30), '1')],
  });
const nothing = { arguments: {}, resourceData: [], attached: [] };
const used = (devices: NodeDevices) => [...devices.used()].map(([slot, amount]) => `${slot} ${plainText(amount)}`);
const none = ['npu.device 0', 'cpu 0', 'mem 0'];

describe('leases of devices', () => {
  it('are given back when a plugin fails, also when the caller has given up before', async () => {
    const hung = Promise.withResolvers<never>();
    const devices = nodeOf(npu(() => hung.promise));
    const kernel = newKernelId();
    const ask = readResourceRequest({ cpu: '2', mem: '1024', 'npu.device': '1' }, devices.known);
    const leasing = devices.lease(kernel, ask, never);
    expect(used(devices)).toEqual(['npu.device 1', 'cpu 2', 'mem 1024']);
    devices.release(kernel);
    hung.reject(new Error('no card'));
    await expect(leasing).rejects.toThrow('no card');
    expect(used(devices)).toEqual(none);
    expect(devices.ledger.absentReleases).toBe(0);
  });

  it('refuse devices of one kernel that want two runtimes', async () => {
    const devices = nodeOf(npu(async () => ({ ...nothing, arguments: { runtime: 'npu' } })));
    const other = inProcess({ ...memPlugin(2 ** 30), arguments: () => ({ runtime: 'other' }) }, '1');
    const both = new NodeDevices({ ...options, plugins: [...devices.plugins.slice(0, 2), other] });
    const ask = readResourceRequest({ cpu: '1', mem: '1024', 'npu.device': '1' }, both.known);
    await expect(both.lease(newKernelId(), ask, never)).rejects.toThrow(
      'different runtimes of the engine: npu and other',
    );
    expect(used(both)).toEqual(none);
  });

  it('add up over any order of leases side by side, failing plugins, corrections and rebuildings', async () => {
    const step = fc.record({
      kind: fc.constantFrom('lease', 'lease', 'lease', 'release', 'correct', 'rebuild'),
      kernel: fc.nat({ max: 5 }),
      cpu: fc.integer({ min: 1, max: 3 }),
      npu: fc.integer({ min: 0, max: 3 }),
      fails: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
        const failing = new Set<number>();
        let calls = 0;
        const devices = nodeOf(
          npu(async () => {
            const call = calls++;
            await Promise.resolve();
            if (failing.has(call)) throw new Error('no card');
            return nothing;
          }),
        );
        const kernels = Array.from({ length: 6 }, newKernelId);
        const under: Promise<unknown>[] = [];
        for (const [index, { kind, kernel, cpu: cpus, npu: units, fails }] of steps.entries()) {
          const id = kernels[kernel] as KernelId;
          if (kind === 'lease') {
            if (fails) failing.add(calls);
            const ask = readResourceRequest({ cpu: `${cpus}`, mem: '1024', 'npu.device': `${units}` }, devices.known);
            under.push(devices.lease(id, ask, never).catch(() => {}));
          } else if (kind === 'release' && devices.heldBy(id) !== null) devices.release(id);
          else if (kind === 'correct') devices.correct(id, [['cpu', '0', '1']]);
          else if (kind === 'rebuild') expect(devices.rebuild()).toEqual([]);
          if (index % 3 === 0) await Promise.all(under.splice(0));
        }
        await Promise.all(under);
        expect(devices.rebuild()).toEqual([]);
        for (const id of devices.holders()) devices.release(id);
        expect(used(devices)).toEqual(none);
        expect(devices.ledger.absentReleases).toBe(0);
      }),
      { numRuns: byDepth({ quick: 200, full: 1000, nightly: 10_000 }) },
    );
  });
});

describe('devices that come and go', () => {
  const answer: NodePlugin['answer'] = async () => nothing;
  const basic = [inProcess(cpu, '1'), inProcess(memPlugin(2 ** 30), '1')];
  interface Found {
    now: NodePlugin | null | Error;
    basic?: (plugin: NodePlugin) => NodePlugin;
  }
  async function rig(found: Found): Promise<{ devices: NodeDevices; lines: string[] }> {
    const lines: string[] = [];
    const log = { ...silentLogger, error: (text: string) => void lines.push(text) };
    const discover = async (): Promise<NodePlugin | null> => {
      if (found.now instanceof Error) throw found.now;
      return found.now;
    };
    const sources = {
      accelerators: [{ name: 'npu', discover }],
      basic: basic.map((plugin) => ({ name: plugin.key, discover: async () => found.basic?.(plugin) ?? plugin })),
    };
    const search = new PluginSearch(sources, log);
    return { devices: new NodeDevices({ ...options, search, plugins: await search.discover(never), log }), lines };
  }
  const available = (devices: NodeDevices) => plainText(devices.available().get('npu.device') ?? new Decimal(-1));
  const askFor = (devices: NodeDevices, units: number) =>
    readResourceRequest({ cpu: '1', mem: '1024', 'npu.device': `${units}` }, devices.known);

  it('are offered from then on, and kept by the kernels that hold them', async () => {
    const found: Found = { now: null };
    const { devices } = await rig(found);
    expect([...devices.known.keys()]).toEqual(['cpu', 'mem']);
    found.now = npu(answer);
    expect(await devices.rescan(never)).toEqual({ lost: [], back: [] });
    expect(available(devices)).toBe('4');
    const kernel = newKernelId();
    await devices.lease(kernel, askFor(devices, 2), never);
    const held = devices.heldBy(kernel);
    expect(held).toContainEqual(['npu.device', '0', '1']);
    found.now = npu(answer, ['1', '2']);
    expect(await devices.rescan(never)).toEqual({ lost: [{ kernel, devices: ['npu.device 0'] }], back: [] });
    expect(await devices.rescan(never)).toEqual({ lost: [], back: [] });
    expect([available(devices), devices.heldBy(kernel), devices.lostOf(kernel)]).toEqual(['2', held, ['npu.device 0']]);
    await expect(devices.lease(newKernelId(), askFor(devices, 2), never)).rejects.toThrow(
      'not enough npu.device: 2 asked for, 1 free',
    );
    found.now = npu(answer);
    expect(await devices.rescan(never)).toEqual({ lost: [], back: [{ kernel, devices: ['npu.device 0'] }] });
    expect(used(devices)).toContain('npu.device 2');
    expect(devices.rebuild()).toEqual([]);
    devices.release(kernel);
    expect([...devices.used().values()].every((amount) => amount.isZero())).toBe(true);
  });

  it('keep their slot, with nothing in it, when the driver is gone', async () => {
    const found: Found = { now: npu(answer) };
    const { devices } = await rig(found);
    found.now = null;
    await devices.rescan(never);
    expect([available(devices), [...devices.known.keys()]]).toEqual(['0', ['npu.device', 'cpu', 'mem']]);
    expect((await devices.hardware(never)).get('npu')).toMatchObject({ status: 'offline' });
    await expect(devices.lease(newKernelId(), askFor(devices, 1), never)).rejects.toThrow(
      'not enough npu.device: 1 asked for, 0 free',
    );
  });

  it('are kept for two discoveries that fail, which is logged once', async () => {
    const found: Found = { now: npu(answer) };
    const { devices, lines } = await rig(found);
    found.now = new KerneletError('NOT_SUPPORTED', 'busy');
    const seen: string[] = [];
    for (let round = 0; round < 4; round += 1) {
      await devices.rescan(never);
      seen.push(available(devices));
    }
    expect([seen, lines]).toEqual([['4', '4', '0', '0'], ['the device plugin npu does not answer: busy']]);
    found.now = npu(answer);
    await devices.rescan(never);
    expect(available(devices)).toBe('4');
  });

  it('that were never there are looked for less and less often', async () => {
    let discoveries = 0;
    const discover = async (): Promise<NodePlugin | null> => {
      discoveries += 1;
      throw new Error('no card');
    };
    const search = new PluginSearch({ accelerators: [{ name: 'npu', discover }], basic: [] }, silentLogger);
    for (let round = 0; round < 100; round += 1) await search.discover(never);
    expect(discoveries).toBeLessThan(15);
  });

  it('that are gone are a change once', async () => {
    let found: NodePlugin | null = npu(answer, ['0']);
    const source = { name: 'npu', discover: async () => found };
    const search = new PluginSearch({ accelerators: [source], basic: [] }, silentLogger);
    await search.discover(never);
    found = null;
    const [gone] = await search.discover(never);
    expect(gone?.devices).toEqual([]);
    expect((await search.discover(never))[0]).toBe(gone);
  });

  it('are not leased when they go while the plugins are asked', async () => {
    const asked = Promise.withResolvers<typeof nothing>();
    const found: Found = { now: npu(() => asked.promise, ['0']) };
    const { devices } = await rig(found);
    const kernel = newKernelId();
    const leasing = devices.lease(kernel, askFor(devices, 1), never);
    found.now = npu(answer, []);
    await devices.rescan(never);
    asked.resolve(nothing);
    await expect(leasing).rejects.toThrow('the node has lost npu.device 0 just now');
    expect(devices.holders()).toEqual([]);
  });

  it('of which two have one key are the first’s, and none is cpu’s', async () => {
    const lines: string[] = [];
    const log = { ...silentLogger, error: (text: string) => void lines.push(text) };
    const [first, second] = [npu(answer, ['0']), npu(answer, ['1'])];
    const accelerators = [first, second, { ...first, key: 'cpu' }].map((plugin, index) => ({
      name: `p${index}`,
      discover: async () => plugin,
    }));
    const sources = {
      accelerators,
      basic: basic.map((plugin) => ({ name: plugin.key, discover: async () => plugin })),
    };
    expect(await new PluginSearch(sources, log).discover(never)).toEqual([first, ...basic]);
    expect(lines).toEqual(
      ['npu', 'cpu'].map((key, index) =>
        expect.stringContaining(`p${index + 1} is off: A plugin defining the same key '${key}' already exists`),
      ),
    );
  });

  it('go on as before where nothing of cpu or mem would be left, so that the node is still heard of', async () => {
    const found: Found = { now: null };
    const { devices, lines } = await rig(found);
    const none = inProcess(cpuPlugin({ cores: [], overcommit: 1, agentVersion: '1', machine: 'x', system: 'L' }), '1');
    found.basic = (plugin) => (plugin.key === 'cpu' ? none : plugin);
    await devices.rescan(never);
    expect(plainText(devices.available().get('cpu') ?? new Decimal(0))).toBe('4');
    expect(lines).toEqual(['the devices that are there now are not enough for a node; it goes on as before']);
    found.basic = () => {
      throw new Error('gone');
    };
    for (let round = 0; round < 5; round += 1) await devices.rescan(never);
    expect(plainText(devices.available().get('cpu') ?? new Decimal(0))).toBe('4');
  });
});
