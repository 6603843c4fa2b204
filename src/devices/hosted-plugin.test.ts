import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { description, held, look, usingHostedPlugins, writing } from '../../test/support/hosted-plugins.ts';
import { Decimal } from '../lib/decimal.ts';
import { programFile } from '../lib/installation.ts';
import { silentLogger } from '../lib/log.ts';
import { keepSecret } from '../lib/redaction.ts';
import { machineName } from './host-capacity.ts';
import { hostedPlugin } from './hosted-plugin.ts';
import { checkPlugin } from './node-plugin.ts';

const { folder, open, sourceOf, host, answering, marked, mark } = usingHostedPlugins();
const never = new AbortController().signal;

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
    const place = join(folder(), 'node_modules/@acme/npu');
    await mkdir(place, { recursive: true });
    await writeFile(join(place, 'package.json'), '{ "name": "@acme/npu", "type": "module", "exports": "./index.js" }');
    await writeFile(join(place, 'index.js'), `export const discover = () => (${description});`);
    const from = join(folder(), 'agent.toml');
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

  // @promise plugins-hang
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

  it('repeats no part of a secret, wherever its words are cut', async () => {
    keepSecret('known-to-a-plugin');
    const plugin = await answering('throw new Error(`${"x".repeat(495)}known-to-a-plugin`)', 20_000);
    const answered = plugin.answer(held, never);
    await expect(answered).rejects.toThrow('xxx');
    await expect(answered).rejects.not.toThrow('xknow');
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
    const specifier = join(folder(), 'busy.mjs');
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
