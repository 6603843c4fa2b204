import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { description, held, look, usingHostedPlugins, writing } from '../../test/support/hosted-plugins.ts';
import { newKernelId } from '../lib/ids.ts';
import type { NodePlugin } from './node-plugin.ts';

const { folder, sourceOf, host, answering, marked, mark } = usingHostedPlugins();
const never = new AbortController().signal;

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
        while (looks > 0 && !existsSync(${JSON.stringify(join(folder(), 'go on'))})) {
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
    await writeFile(join(folder(), 'go on'), '');
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
