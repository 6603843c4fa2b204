/** P17: what it takes to find devices for one more kernel on a large, busy node. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Decimal } from '../../src/lib/decimal.ts';
import { type KernelId, newKernelId } from '../../src/lib/ids.ts';
import { AffinityMap } from '../../src/resources/affinity.ts';
import { AllocationMap } from '../../src/resources/allocation-map.ts';
import { Allocator } from '../../src/resources/allocator.ts';
import { DeviceLedger } from '../../src/resources/device-ledger.ts';
import type { SlotAmounts } from '../../src/resources/slot-amounts.ts';
import type { Measure } from '../measure.ts';
import { percentile } from '../statistics.ts';

const cores = 256;
const gpus = 16;
const numaNodes = 8;
/** Kernels that the node has while one more comes and goes. */
const kernels = 500;
const warmUps = 500;
const rounds = 5000;
const memoryBytes = 2 ** 42;
/** How often each core is given out: 500 kernels would not fit otherwise. */
const overcommit = 4;
/** Of each GPU. */
const shares = '13.5';

function largeNode(): DeviceLedger {
  const devices = (count: number, slot: string, amount: string) =>
    Array.from(
      { length: count },
      (_, index) => ({ id: String(index), slot, type: 'count', amount: new Decimal(amount) }) as const,
    );
  const memory = { id: 'root', slot: 'mem', type: 'bytes', amount: new Decimal(memoryBytes) } as const;
  const maps = new Map([
    [
      'cuda',
      new AllocationMap({
        kind: 'fraction',
        strategy: 'evenly',
        quantum: new Decimal('0.1'),
        devices: devices(gpus, 'cuda.shares', shares),
      }),
    ],
    [
      'cpu',
      new AllocationMap({ kind: 'discrete', strategy: 'evenly', devices: devices(cores, 'cpu', String(overcommit)) }),
    ],
    ['mem', new AllocationMap({ kind: 'discrete', strategy: 'fill', devices: [memory] })],
  ]);
  const placed = [...maps].flatMap(([device, map]) =>
    map.options.devices.map(({ id }, index, all) => ({
      device,
      id,
      numa: Math.floor((index * numaNodes) / all.length),
    })),
  );
  return new DeviceLedger(
    new Allocator({
      maps,
      affinity: new AffinityMap(placed),
      order: ['cuda', 'cpu', 'mem'],
      policy: 'interleaved',
    }),
  );
}

const ask = (cpu: number, share: string): SlotAmounts =>
  new Map([
    ['cpu', new Decimal(cpu)],
    ['mem', new Decimal(2 ** 30)],
    ['cuda.shares', new Decimal(share)],
  ]);

/** Times of an allocation beside 500 kernels, each given back at once; a tenth of those is replaced as time goes by. */
async function timesOf(slots: SlotAmounts): Promise<readonly number[]> {
  const ledger = largeNode();
  const held: KernelId[] = [];
  for (let index = 0; index < kernels; index += 1) {
    const kernel = newKernelId();
    ledger.allocate(kernel, ask(1, index % 3 === 0 ? '0' : '0.4'));
    held.push(kernel);
  }
  const times: number[] = [];
  for (let round = 0; round < warmUps + rounds; round += 1) {
    const kernel = newKernelId();
    const begun = performance.now();
    ledger.allocate(kernel, slots);
    const ms = performance.now() - begun;
    if (round >= warmUps) times.push(ms);
    ledger.release(kernel);
    if (round % 10 === 0) {
      const [oldest] = held.splice((round * 7) % held.length, 1);
      if (oldest) ledger.release(oldest);
      const next = newKernelId();
      ledger.allocate(next, ask(1, '0.4'));
      held.push(next);
      await nextTurn();
    }
  }
  return times;
}

/** The measure. It needs nothing of the stage. */
export const allocation: Measure = {
  ids: ['P17'],
  title: `allocation on a node of ${cores} CPUs, ${gpus} GPUs and ${kernels} kernels`,
  async run() {
    const figure = (name: string, times: readonly number[]) => ({
      name,
      value: percentile(times, 0.99),
      unit: 'ms',
      must: 1,
      goal: 0.5,
      beside: { p50: percentile(times, 0.5) },
    });
    return {
      P17: [
        figure('1 CPU and a part of a GPU, p99', await timesOf(ask(1, '0.5'))),
        figure('64 CPUs and parts of many GPUs, p99', await timesOf(ask(64, '30'))),
        figure('256 CPUs and no GPU, p99', await timesOf(ask(256, '0'))),
      ],
    };
  },
};
