import { expect, it } from 'vitest';
import type { DeviceMeasure } from '../devices/device-measures.ts';
import type { NodePlugin } from '../devices/node-plugin.ts';
import { Decimal } from '../lib/decimal.ts';
import { KerneletError } from '../lib/errors.ts';
import { asContainerId, type KernelId, newKernelId } from '../lib/ids.ts';
import { DeviceFigures, holdersOf } from './device-figures.ts';
import { NodeFigures } from './node-figures.ts';

const never = new AbortController().signal;
const amount = (value: number) => ({ value: new Decimal(value), capacity: new Decimal(10) });
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

it('figures of devices are the node’s, each device’s and each kernel’s, in the written form', async () => {
  const { plugins, figures, node } = rig();
  const kernel = newKernelId();
  plugins.set('npu', async () => [measureOf('npu_util', { n0: 4, n1: 3 }, [[kernel, 4]])]);
  await node.round(1, never);
  const written = { current: '4', capacity: '10', pct: '40', unit_hint: 'percent', 'stats.max': '4' };
  expect(node.metrics()).toEqual({
    node: { npu_util: { ...written, current: '7', pct: '70', 'stats.max': '7' } },
    devices: { npu_util: { n0: written, n1: { ...written, current: '3', pct: '30', 'stats.max': '3' } } },
  });
  const { fresh, keys } = figures.kernels(1).get(kernel) ?? { fresh: [], keys: new Set() };
  expect([fresh.map(({ key, value }) => [key, value.toString()]), [...keys]]).toEqual([
    [['npu_util', '4']],
    ['npu_util'],
  ]);
  const ofProcess = figures.processes(1).get(102);
  expect([ofProcess?.fresh.map(({ key, value }) => [key, value.toString()]), [...(ofProcess?.keys ?? [])]]).toEqual([
    [['npu_util', '2']],
    ['npu_util'],
  ]);
  expect([figures.processes(2).get(102)?.fresh, figures.processes(100).size]).toEqual([[], 0]);
});

it('figures of devices and plugins that are gone are gone', async () => {
  const { plugins, figures, node } = rig();
  const kernel = newKernelId();
  plugins.set('npu', async () => [measureOf('npu_util', { n0: 4, n1: 3 }, [[kernel, 4]])]);
  await node.round(1, never);
  plugins.set('npu', async () => [measureOf('npu_util', { n1: 3 }, [])]);
  await node.round(2, never);
  expect(Object.keys(node.metrics().devices['npu_util'] ?? {})).toEqual(['n1']);
  expect(figures.kernels(2).has(kernel)).toBe(false);
  plugins.clear();
  await node.round(3, never);
  expect(node.metrics()).toEqual({ node: {}, devices: {} });
});

it('a plugin that fails is a gap, its last word holds for a minute, and others go on', async () => {
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
  expect(node.gaps).toEqual([{ source: 'devices of bad', reason: 'no sensor' }]);
  expect(Object.keys(node.metrics().node)).toEqual(['bad_util', 'npu_util']);
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
  expect(node.gaps).toEqual([
    { source: 'devices of io', reason: 'it measures io_read, which is measured by another (NOT_SUPPORTED)' },
    { source: 'devices of npu', reason: 'it measures npu_b_util, which is measured by another (NOT_SUPPORTED)' },
  ]);
  expect(Object.entries(node.metrics().node).map(([key, { current }]) => [key, current])).toEqual([
    ['npu_b_util', '2'],
  ]);
  expect(
    figures
      .kernels(6)
      .get(kernel)
      ?.fresh.map(({ value }) => value.toNumber()),
  ).toEqual([2]);
});

it('a plugin that did not answer in time is let alone for a minute', async () => {
  const { plugins, node } = rig();
  let asked = 0;
  plugins.set('npu', async () => {
    asked += 1;
    throw new KerneletError('DEADLINE_EXCEEDED', 'measuring took longer than 2000 ms');
  });
  for (let at = 1; at <= 62; at += 5) await node.round(at, never);
  expect(asked).toBe(2);
  expect(node.gaps).toMatchObject([{ source: 'devices of npu' }]);
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
