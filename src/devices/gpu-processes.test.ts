import { expect, it } from 'vitest';
import { Decimal } from '../lib/decimal.ts';
import { newKernelId } from '../lib/ids.ts';
import { type DeviceHolder, type MeasuredAmount, wholeDeviceMeasure } from './device-measures.ts';
import { byProcesses, type GpuProcesses } from './gpu-processes.ts';

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
