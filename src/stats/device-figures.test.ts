import { expect, it } from 'vitest';
import type { DeviceMeasure } from '../devices/device-plugin.ts';
import type { NodePlugin } from '../devices/node-plugin.ts';
import { Decimal } from '../lib/decimal.ts';
import { KerneletError } from '../lib/errors.ts';
import { asContainerId, type KernelId, newKernelId } from '../lib/ids.ts';
import { DeviceFigures, holdersOf } from './device-figures.ts';
import { NodeFigures } from './node-figures.ts';

const never = new AbortController().signal;
const amount = (value: number) => ({ value, capacity: 10 });
const measureOf = (key: string, devices: Record<string, number>, kernels: readonly (readonly [KernelId, number])[]) =>
  ({
    key,
    unit: 'percent',
    filter: ['max'],
    hook: null,
    node: amount(Object.values(devices).reduce((total, one) => total + one, 0)),
    devices: new Map(Object.entries(devices).map(([id, value]) => [id, amount(value)])),
    kernels: new Map(kernels.map(([kernel, value]) => [kernel, amount(value)])),
    processes: new Map([[100 + Object.keys(devices).length, amount(2)]]),
  }) satisfies DeviceMeasure;

/** Plugins that measure as a test says. */
function rig() {
  const plugins = new Map<string, () => Promise<readonly DeviceMeasure[]>>();
  const figures = new DeviceFigures({
    plugins: () => [...plugins].map(([key, measure]): Pick<NodePlugin, 'key' | 'measure'> => ({ key, measure })),
    holders: () => [],
  });
  return { plugins, figures, node: new NodeFigures([], () => figures.collectors()) };
}

it('figures of devices are each device’s, each kernel’s and each process’s', async () => {
  const { plugins, figures, node } = rig();
  const kernel = newKernelId();
  plugins.set('npu', async () => [measureOf('npu_util', { n0: 4, n1: 3 }, [[kernel, 4]])]);
  await node.round(1, never);
  const figure = { measure: 'npu_util', unit: 'percent', capacity: 10 };
  expect(figures.measures).toMatchObject([{ key: 'npu_util', at: 1, node: { value: 7, capacity: 10 } }]);
  expect(figures.ofNode()).toEqual([
    { ...figure, device: 'n0', value: 4 },
    { ...figure, device: 'n1', value: 3 },
  ]);
  expect([figures.ofKernel(kernel, 1), figures.ofProcess(102, 1)]).toEqual([
    [{ ...figure, value: 4 }],
    [{ ...figure, value: 2 }],
  ]);
  const { fresh, keys } = figures.kernels(1).get(kernel) ?? { fresh: [], keys: new Set() };
  expect([fresh.map(({ kind, value }) => [kind.key, value]), [...keys]]).toEqual([[['npu_util', 4]], ['npu_util']]);
  const ofProcess = figures.processes(1).get(102);
  expect(ofProcess?.fresh.map(({ kind, value }) => [kind.key, value])).toEqual([['npu_util', 2]]);
  expect([...(ofProcess?.keys ?? [])]).toEqual(['npu_util']);
  expect([figures.processes(2).get(102)?.fresh, figures.processes(100).size]).toEqual([[], 0]);
});

it('a counter is shown as what it grew by, in all or in a second, from the second round on', async () => {
  const { plugins, figures, node } = rig();
  const kernel = newKernelId();
  let used = 100;
  plugins.set('npu', async () => [
    { ...measureOf('npu_energy', { n0: used }, [[kernel, used]]), hook: 'rate' },
    { ...measureOf('npu_faults', { n0: used }, [[kernel, used]]), hook: 'diff' },
  ]);
  const values = () => [...figures.ofKernel(kernel, 10), ...figures.ofNode()].map(({ value }) => value);
  await node.round(1, never);
  expect(values()).toEqual([0, 0, 0, 0]);
  used = 150;
  await node.round(6, never);
  expect(values()).toEqual([10, 50, 10, 50]);
  used = 3;
  await node.round(11, never);
  expect(values()).toEqual([0, 0, 0, 0]);
});

it('figures of devices and plugins that are gone are gone', async () => {
  const { plugins, figures, node } = rig();
  const kernel = newKernelId();
  plugins.set('npu', async () => [measureOf('npu_util', { n0: 4, n1: 3 }, [[kernel, 4]])]);
  await node.round(1, never);
  plugins.set('npu', async () => [measureOf('npu_util', { n1: 3 }, [])]);
  await node.round(2, never);
  expect(figures.ofNode().map(({ device }) => device)).toEqual(['n1']);
  expect([figures.kernels(2).has(kernel), figures.ofKernel(kernel, 2)]).toEqual([false, []]);
  plugins.clear();
  await node.round(3, never);
  expect([figures.ofNode(), figures.measures]).toEqual([[], []]);
});

it('a plugin that fails is reported, its last answer holds for a minute, and others go on', async () => {
  const { plugins, figures, node } = rig();
  const kernel = newKernelId();
  let works = true;
  plugins.set('bad', async () => {
    if (!works) throw new Error('no sensor');
    return [measureOf('bad_util', { b0: 1 }, [[kernel, 1]])];
  });
  plugins.set('npu', async () => [measureOf('npu_util', { n0: 4 }, [])]);
  await node.round(1, never);
  works = false;
  await node.round(6, never);
  expect(node.missing).toEqual([{ source: 'devices of bad', reason: 'no sensor' }]);
  expect(figures.measures.map(({ key, at }) => [key, at])).toEqual([
    ['bad_util', 1],
    ['npu_util', 6],
  ]);
  expect(figures.ofKernel(kernel, 6)).toMatchObject([{ measure: 'bad_util', value: 1 }]);
  expect(figures.kernels(6).get(kernel)).toEqual({ fresh: [], keys: new Set(['bad_util']) });
  expect(figures.kernels(62).size).toBe(0);
});

it('no plugin puts figures in the place of somebody else’s', async () => {
  const { plugins, figures, node } = rig();
  const kernel = newKernelId();
  plugins.set('io', async () => [measureOf('io_read', { i0: 1 }, [[kernel, 1]])]);
  plugins.set('npu_b', async () => [measureOf('npu_b_util', { b0: 2 }, [[kernel, 2]])]);
  plugins.set('npu', async () => [measureOf('npu_b_util', { n0: 9 }, [[kernel, 9]])]);
  for (const at of [1, 6]) await node.round(at, never);
  expect(node.missing).toEqual([
    { source: 'devices of io', reason: 'it measures io_read, which is measured by another (NOT_SUPPORTED)' },
    { source: 'devices of npu', reason: 'it measures npu_b_util, which is measured by another (NOT_SUPPORTED)' },
  ]);
  expect(figures.measures.map(({ key, node: { value } }) => [key, value])).toEqual([['npu_b_util', 2]]);
  expect(
    figures
      .kernels(6)
      .get(kernel)
      ?.fresh.map(({ value }) => value),
  ).toEqual([2]);
});

it('a plugin that did not answer in time is not asked for a minute', async () => {
  const { plugins, node } = rig();
  let asked = 0;
  plugins.set('npu', async () => {
    asked += 1;
    throw new KerneletError('DEADLINE_EXCEEDED', 'measuring took longer than 2000 ms');
  });
  for (let at = 1; at <= 62; at += 5) await node.round(at, never);
  expect(asked).toBe(2);
  expect(node.missing).toMatchObject([{ source: 'devices of npu' }]);
});

it('all kernels are asked about, those without devices too', () => {
  const [one, other] = [newKernelId(), newKernelId()];
  const targets = [one, other].map((kernelId) => ({ kernelId, containerId: asContainerId(`c-${kernelId}`) }));
  const allocation = new Map([['npu.device', new Map([['n0', new Decimal(1)]])]]);
  expect(holdersOf('npu', targets, new Map([[one, new Map([['npu', allocation]])]]), () => [7])).toEqual([
    { kernel: one, container: `c-${one}`, allocation, pids: [7] },
    { kernel: other, container: `c-${other}`, allocation: new Map(), pids: [] },
  ]);
});
