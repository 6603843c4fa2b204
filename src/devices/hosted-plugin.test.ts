import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { type Clock, systemClock } from '../lib/clock.ts';
import { Decimal } from '../lib/decimal.ts';
import { newKernelId } from '../lib/ids.ts';
import { programFile } from '../lib/installation.ts';
import { silentLogger } from '../lib/log.ts';
import type { Allocation } from '../resources/allocation.ts';
import { machineName } from './host-capacity.ts';
import { hostedPlugin } from './hosted-plugin.ts';
import { checkPlugin, type NodePlugin } from './node-plugin.ts';
import type { PluginSource } from './plugin-source.ts';

let folder: string;
const open: PluginSource[] = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kernelet-plugin-'));
});
afterEach(async () => {
  for (const source of open.splice(0)) await source[Symbol.asyncDispose]?.();
  await rm(folder, { recursive: true, force: true });
});

const never = new AbortController().signal;
const held: Allocation = new Map([['npu.device', new Map([['n0', new Decimal(1)]])]]);
const description = `{ key: 'npu', slotTypes: [['npu.device', 'count']], devices: [{ id: 'n0', slot: 'npu.device' }, { id: 'n1', slot: 'npu.device' }] }`;

async function sourceOf(text: string, timeoutMs = 5_000, clock: Clock = systemClock): Promise<PluginSource> {
  const specifier = join(folder, `${Math.random()}.mjs`);
  await writeFile(specifier, text);
  const source = hostedPlugin({
    specifier,
    from: folder,
    options: { count: '2' },
    log: silentLogger,
    timeoutMs,
    clock,
  });
  open.push(source);
  return source;
}
async function look(source: PluginSource): Promise<NodePlugin> {
  const plugin = await source.discover(never);
  if (!plugin) throw new Error('it is off');
  return plugin;
}
/** Hosts a module of this text. */
const host = async (text: string, timeoutMs?: number): Promise<NodePlugin> =>
  await look(await sourceOf(text, timeoutMs));
/** A statement of a plugin that leaves a mark, after which the test may let time pass. */
const marked = (): string => `writeFileSync(${JSON.stringify(join(folder, 'mark'))}, '');`;
const mark = (): Promise<void> => expect.poll(() => existsSync(join(folder, 'mark')), { timeout: 20_000 }).toBe(true);
const writing = "import { existsSync, writeFileSync } from 'node:fs';\n";
const answering = (answer: string, timeoutMs?: number): Promise<NodePlugin> =>
  host(`export const discover = () => (${description});\nexport const answer = (asked) => { ${answer} };`, timeoutMs);

describe('a plugin of a third party', () => {
  it('says what it has, and what a kernel with it needs', async () => {
    const plugin = await host(`
      let found = 0;
      export async function discover({ options }) {
        found = Number(options.count);
        const devices = Array.from({ length: found }, (_, index) => ({
          id: 'n' + index, slot: 'npu.shares', amount: '1.5', numaNode: index, location: '0000:0' + index + ':00.0',
          memoryBytes: 1024, processingUnits: 8, modelName: 'N', serial: 'left out' }));
        return { key: 'npu', version: '2.1', slotTypes: [['npu.shares', 'count']], devices, kind: 'fraction', quantum: '0.5',
          extraInfo: { npu_support: true } };
      }
      export const answer = ({ devices, distro, arch }) => ({
        hooks: ['/usr/lib/libnpu.so'], mounts: [{ source: '/opt/npu/share', target: '/npu/' + distro + '/' + arch }],
        environ: ['NPU_VISIBLE=' + devices.map((one) => one.device + '*' + one.amount)], nodes: ['/dev/npu0'],
        data: [['NPU_IDS', '0:n0']], attached: [{ device_id: 'n0', data: { mem: 1024 } }], runtime: 'npu',
        requests: [{ driver: 'cdi', ids: ['acme.com/npu=0'] }] });
      export default { discover, answer };
    `);
    checkPlugin(plugin, []);
    expect([plugin.key, plugin.version, plugin.extraInfo]).toEqual(['npu', '2.1', { npu_support: true }]);
    expect([...plugin.availableSlots()].map(([slot, amount]) => [slot, amount.toString()])).toEqual([
      ['npu.shares', '3'],
    ]);
    const allocation = plugin.createMap().allocate({ slots: [['npu.shares', new Decimal('1.2')]] });
    const asked = [...(allocation.get('npu.shares') ?? [])].map(([id, amount]) => `${id}*${amount}`).join();
    expect(asked).toMatch(/^n\d\*1/);
    const whole = plugin.createMap().allocate({ slots: [['npu.shares', new Decimal(3)]] });
    expect(await plugin.answer(whole, never, { distro: 'ubuntu22.04' })).toEqual({
      arguments: {
        environ: ['NPU_VISIBLE=n0*1.5,n1*1.5'],
        nodes: ['/dev/npu0'],
        hooks: ['/usr/lib/libnpu.so'],
        mounts: [{ source: '/opt/npu/share', target: `/npu/ubuntu22.04/${machineName()}` }],
        networks: [],
        runtime: 'npu',
        requests: [{ driver: 'cdi', ids: ['acme.com/npu=0'], capabilities: [] }],
      },
      resourceData: [['NPU_IDS', '0:n0']],
      attached: [{ device_id: 'n0', model_name: '', data: { mem: 1024 } }],
    });
  });

  it('is not ended by signals that reach the whole group of the daemon', async () => {
    const plugin = await answering("return { environ: ['PID=' + process.pid] };");
    const pid = async (): Promise<number> =>
      Number((await plugin.answer(held, never)).arguments.environ?.[0]?.slice('PID='.length));
    const before = await pid();
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.kill(before, signal);
    await sleep(50);
    expect(await pid()).toBe(before);
  });

  it('is found by its package name beside the configuration', async () => {
    const place = join(folder, 'node_modules/@acme/npu');
    await mkdir(place, { recursive: true });
    await writeFile(join(place, 'package.json'), '{ "name": "@acme/npu", "type": "module", "exports": "./index.js" }');
    await writeFile(join(place, 'index.js'), `export const discover = () => (${description});`);
    const from = join(folder, 'agent.toml');
    const source = hostedPlugin({ specifier: '@acme/npu', from, options: {}, log: silentLogger });
    open.push(source);
    const plugin = await look(source);
    expect(plugin.devices.map(({ id }) => id)).toEqual(['n0', 'n1']);
    expect(await plugin.hardware(never)).toBeNull();
    await expect(plugin.answer(held, never)).rejects.toThrow('it has no function answer');
  });

  it('is not asked about a kernel that has nothing of it', async () => {
    const plugin = await answering('for (;;);');
    expect(await plugin.answer(new Map(), never)).toEqual({ arguments: {}, resourceData: [], attached: [] });
  });

  it('that hangs is ended at its deadline, and asked anew', async () => {
    const clock = new FakeClock();
    const source = await sourceOf(
      `${writing}export const discover = () => (${description});
      export const answer = (asked) => { if (asked.devices[0].device === 'n0') { ${marked()} for (;;); } return {}; };`,
      4_000,
      clock,
    );
    const plugin = await look(source);
    const refused = expect(plugin.answer(held, never)).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    await mark();
    await clock.advance(4_000);
    await refused;
    const other = new Map([['npu.device', new Map([['n1', new Decimal(1)]])]]);
    expect(await plugin.answer(other, never)).toMatchObject({ attached: [] });
  });

  it.each([
    ['throw new Error("no card")', 'says: no card'],
    ['throw null', 'says: null'],
    ['process.exit(3)', 'ended by status 3'],
    ['setTimeout(() => { throw new Error("later") }); return new Promise(() => {})', 'broke down: later'],
    ['const all = []; for (;;) all.push(new Array(1e6).fill(0))', 'ended by SIG'],
    ['return 1', 'what answer() answers is not an object'],
    ['return { environ: ["LD_PRELOAD=/x.so"] }', 'environ[0] is not NAME=VALUE of a variable that loads nothing'],
    ['return { environ: ["GCONV_PATH=/x"] }', 'environ[0] is not NAME=VALUE of a variable that loads nothing'],
    ['return { environ: ["A"] }', 'environ[0] is not NAME=VALUE'],
    ['return { nodes: ["/etc/shadow"] }', 'nodes[0] is not a path below /dev'],
    ['return { nodes: ["/dev/../etc"] }', 'nodes[0] is not a path below /dev'],
    ['return { hooks: ["lib.so"] }', 'hooks[0] is not an absolute path'],
    ['return { hooks: ["/a.so:/b.so"] }', 'hooks[0] is not an absolute path'],
    ['return { hooks: ["/a b.so"] }', 'hooks[0] is not an absolute path'],
    ['return { mounts: [{ source: "/a/../etc", target: "/x" }] }', 'mounts[0].source is not an absolute path'],
    ['return { mounts: [{ source: "/a", target: "x" }] }', 'mounts[0].target is not an absolute path'],
    ['return { data: [["SLOTS", "{}"]] }', 'data[0] is not a line that a plugin may write'],
    ['return { data: [["A", "x\\nSLOTS={}"]] }', 'data[0] is not one line'],
    ['return { attached: [{ device_id: "n1" }] }', 'is not a device that the kernel has'],
    ['return { environ: Array(300).fill("A=b") }', 'is not a list of at most 256'],
    ['return { data: [["A", "x".repeat(2e6)]] }', 'the answer is not at most'],
  ])('costs a kernel that asks for it an error, and nothing else: %s', async (answer, problem) => {
    const plugin = await answering(answer, 20_000);
    const failure = { code: 'NOT_SUPPORTED', message: expect.stringContaining(problem) };
    await expect(plugin.answer(held, never)).rejects.toMatchObject(failure);
  });

  it.each([
    ['export const discover = 1;', 'it has no function discover'],
    ['export const discover = () => { throw new Error("no driver") };', 'says: no driver'],
    ['syntax error', 'says: '],
    [
      'export const discover = () => ({ key: "A/B", slotTypes: [], devices: [] });',
      'key is not a name of small letters',
    ],
    [
      'export const discover = () => ({ key: "npu", slotTypes: [["npu.device", "many"]], devices: [] });',
      'is not one of',
    ],
    [
      'export const discover = () => ({ key: "npu", slotTypes: [["npu.device", "count"]], devices: [{ id: "0", slot: "npu.device", amount: "-1" }] });',
      'amount is not above 0',
    ],
    [
      'export const discover = () => ({ key: "npu", slotTypes: [["npu.device", "count"]], devices: [{ id: "0", slot: "npu.device", amount: "1e500" }] });',
      'amount is not above 0 and at most',
    ],
    [
      `export const discover = () => ({ key: "npu", slotTypes: [], devices: [], exclusiveSlots: ["${'*a'.repeat(30)}b"] });`,
      'exclusiveSlots[0] is not a slot, or a pattern',
    ],
    [
      'export const discover = () => ({ key: "npu", slotTypes: [], devices: [], exclusiveSlots: ["npu.[z-a]*"] });',
      'exclusiveSlots[0] is not a slot, or a pattern',
    ],
    [
      'export const discover = () => ({ key: "npu", slotTypes: [], devices: [], extraInfo: { a: "x".repeat(300) } });',
      'extraInfo.a is not a text of at most 256 characters',
    ],
  ])('is refused when it has nothing sensible: %s', async (text, problem) => {
    await expect(host(text)).rejects.toThrow(problem);
  });

  it('is refused when it never says what it has', async () => {
    const clock = new FakeClock();
    const text = `${writing}export const discover = () => { ${marked()} return new Promise(() => {}); };`;
    const source = await sourceOf(text, 2_000, clock);
    const refused = expect(source.discover(never)).rejects.toThrow('took longer than 2000 ms');
    await mark();
    await clock.advance(2_000);
    await refused;
  });

  it.each([
    [{ slotTypes: [['cpu', 'count']] }, 'must be prefixed by the plugin'],
    [
      {
        devices: [
          { id: 'a', slot: 'npu.device' },
          { id: 'a', slot: 'npu.device' },
        ],
      },
      'has two devices with the id a',
    ],
    [{ devices: [{ id: 'a:b', slot: 'npu.device' }] }, 'whose id has "," or ":"'],
    [{ devices: [{ id: 'a', slot: 'npu.other' }] }, "offers the slot npu.other, which it doesn't declare"],
    [{ key: 'taken', slotTypes: [['taken.device', 'count']], devices: [] }, "same key 'taken' already exists"],
  ])('is kept out beside others when it would harm them: %j', async (change, problem) => {
    const taken = await host(
      `export const discover = () => ({ key: 'taken', slotTypes: [['taken.device', 'count']], devices: [] });`,
    );
    const told = { key: 'npu', slotTypes: [['npu.device', 'count']], devices: [], ...change };
    const plugin = await host(`export const discover = () => (${JSON.stringify(told)});`);
    expect(() => checkPlugin(plugin, [taken])).toThrow(problem);
  });
});

describe('what a plugin measures', () => {
  const kernel = newKernelId();
  const holders = [
    { kernel, container: 'c1', allocation: held, pids: [41] },
    { kernel: newKernelId(), container: 'c2', allocation: new Map(), pids: [41] },
  ];
  const measuring = (body: string): Promise<NodePlugin> =>
    host(`export const discover = () => (${description});\nexport const measure = ({ kernels }) => { ${body} };`);

  it('is of its devices and of the kernels that hold them, by itself or as it says', async () => {
    const plugin = await measuring(`
      if (kernels.length !== 1 || kernels[0].container !== 'c1' || kernels[0].devices[0].device !== 'n0') throw 'who?';
      const [pid] = kernels[0].processes;
      const devices = { n0: { value: '1.5', capacity: 4 }, n1: { value: 2, capacity: 4 } };
      return [
        { key: 'npu_mem', unit: 'bytes', filter: ['max'], devices, processes: { [pid]: { value: 5 } } },
        { key: 'npu_energy', unit: 'J', hook: 'rate', devices: {}, node: { value: -7 },
          kernels: { [kernels[0].kernel]: { value: 3 } } },
      ];`);
    const [memory, energy] = (await plugin.measure?.(holders, never)) ?? [];
    expect(memory).toMatchObject({ key: 'npu_mem', unit: 'bytes', filter: ['max'], hook: null });
    expect([memory?.node.value.toString(), memory?.node.capacity?.toString()]).toEqual(['3.5', '8']);
    expect([...(memory?.kernels ?? [])].map(([id, { value }]) => [id, value.toString()])).toEqual([[kernel, '1.5']]);
    expect(memory?.processes).toEqual(new Map([[41, { value: 5, capacity: null }]]));
    expect(energy?.processes.size).toBe(0);
    expect(energy).toMatchObject({ hook: 'rate', node: { value: -7, capacity: null } });
    expect(energy?.kernels.get(kernel)?.value.toString()).toBe('3');
  });

  it('is nothing where it has no such function', async () => {
    expect(await (await answering('return {};')).measure?.(holders, never)).toEqual([]);
  });

  it.each([
    ['return [{ key: "mem", unit: "bytes" }]', 'key is not a name that begins with npu_'],
    ['return [{ key: "npu_x\\n", unit: "bytes" }]', 'key is not a name'],
    ['return [{ key: "npu_x", unit: "" }]', 'unit is not a unit'],
    ['return [{ key: "npu_x", unit: "W", filter: ["version"] }]', 'filter[0] is not one of'],
    ['return [{ key: "npu_x", unit: "W", devices: { "0": { value: 1 } } }]', 'is not one of its devices'],
    [
      'return [{ key: "npu_x", unit: "W", kernels: { other: { value: 1 } } }]',
      'is not a kernel that it was asked about',
    ],
    [
      'return [{ key: "npu_x", unit: "W", processes: { 1: { value: 1 } } }]',
      'is not a process of a kernel that it was asked about',
    ],
    ['return [{ key: "npu_x", unit: "W", devices: { n0: { value: "NaN" } } }]', 'is not a decimal number'],
    ['return [{ key: "npu_x", unit: "W", devices: { n0: { value: "inf" } } }]', 'is not at most'],
    ['return [{ key: "npu_x", unit: "W", devices: { n0: { value: "1e999" } } }]', 'is not at most'],
    ['return [{ key: "npu_x", unit: "W", devices: { n0: { value: 1, capacity: -1e300 } } }]', 'is not at most'],
    ['return [1, 2].map(() => ({ key: "npu_x", unit: "W" }))', 'without a key twice'],
    ['return Array(40).fill(0).map((_, i) => ({ key: "npu_" + i, unit: "W" }))', 'a list of at most 32'],
    ['return "x".repeat(3e5)', 'at most 262144 characters'],
    ['throw new Error("no sensor")', 'says: no sensor'],
  ])('is refused when it is wrong: %s', async (body, problem) => {
    await expect((await measuring(body)).measure?.(holders, never)).rejects.toThrow(problem);
  });

  it('that another call keeps waiting is not taken for one that hangs', async () => {
    const clock = new FakeClock();
    const source = await sourceOf(
      `${writing}let looks = 0;
      export const discover = async () => {
        while (looks > 0 && !existsSync(${JSON.stringify(join(folder, 'go on'))})) {
          await new Promise((resolve) => setTimeout(resolve, 10));
        }
        looks += 1;
        return ${description};
      };
      export const measure = () => [];`,
      5_000,
      clock,
    );
    const plugin = await look(source);
    const again = look(source);
    const busy = 'did not come to measure() in time: it was busy';
    const refused = expect(plugin.measure?.(holders, never)).rejects.toThrow(busy);
    await clock.advance(2_000);
    await refused;
    await writeFile(join(folder, 'go on'), '');
    expect(await again).toBe(plugin);
    expect(await plugin.measure?.(holders, never)).toEqual([]);
  });

  it('that hangs does not cost a kernel its devices', async () => {
    const clock = new FakeClock();
    const source = await sourceOf(
      `${writing}export const discover = () => (${description});
      export const measure = () => { ${marked()} for (;;); };
      export const answer = () => ({ environ: ['A=b'] });`,
      5_000,
      clock,
    );
    const plugin = await look(source);
    const refused = expect(plugin.measure?.(holders, never)).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    const answered = plugin.answer(held, never);
    await mark();
    await clock.advance(2_000);
    await refused;
    expect(await answered).toMatchObject({ arguments: { environ: ['A=b'] } });
  });
});

describe('looking again at a plugin', () => {
  it('finds what has come and gone, and the same where nothing has changed', async () => {
    const source = await sourceOf(`
      let looks = 0;
      export const discover = () => ({ key: 'npu', slotTypes: [['npu.device', 'count']],
        devices: ['n0', 'n1'].slice(looks++ < 2 ? 0 : 1).map((id) => ({ id, slot: 'npu.device' })) });`);
    const first = await look(source);
    expect(await look(source)).toBe(first);
    expect((await look(source)).devices.map(({ id }) => id)).toEqual(['n1']);
  });

  it('refuses one that takes another name', async () => {
    const source = await sourceOf(`
      let looks = 0;
      export const discover = () => ({ key: 'npu' + looks++, slotTypes: [], devices: [] });`);
    await look(source);
    await expect(source.discover(never)).rejects.toThrow('calls itself npu1, and was npu0');
  });
});

describe('the process of a plugin', () => {
  it('ends with the one that started it, whatever it is busy with', async () => {
    const specifier = join(folder, 'busy.mjs');
    await writeFile(specifier, `${writing}${marked()} for (;;);`);
    const script = '"$0" "$1" "=$2" =/ "=$$" 3>/dev/null & echo $!; read -r _';
    const parent = spawn(
      'sh',
      ['-c', script, process.execPath, programFile('lib/module-host/module-program'), specifier],
      {
        stdio: ['pipe', 'pipe', 'ignore'],
      },
    );
    const [line] = await once(parent.stdout, 'data');
    const pid = Number(line);
    const ended = once(parent, 'exit');
    await mark();
    expect(isRunning(pid)).toBe(true);
    parent.kill('SIGKILL');
    await ended;
    await expect.poll(() => isRunning(pid), { timeout: 10_000 }).toBe(false);
  });
});

function isRunning(pid: number): boolean {
  try {
    // One that is dead and not yet reaped runs no more.
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}
