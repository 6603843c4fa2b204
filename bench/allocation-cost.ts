/**
 * A program of its own: what allocations on a large, busy node take, in a process that runs as the daemon does. Prints
 * one line of JSON: the batches of each request.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { cpuPlugin, memPlugin } from '../src/devices/basic-plugins.ts';
import { readShareOptions } from '../src/devices/fractional-gpu.ts';
import { mockPlugin } from '../src/devices/mock-plugin.ts';
import type { NodeDevices } from '../src/devices/node-devices.ts';
import { Decimal } from '../src/lib/decimal.ts';
import { type KernelId, newKernelId } from '../src/lib/ids.ts';
import type { SlotAmounts } from '../src/resources/slot-amounts.ts';
import { nodeDevices } from '../test/support/node-devices.ts';
import { OwnTime, type Took } from '../test/support/own-time.ts';
import { cores, gpus, kernels } from './large-node.ts';

const numaNodes = 8;
const warmUps = 500;
const batches = 10;
const rounds = 500;
const limitMs = 120_000;
const memoryBytes = 2 ** 42;
/** How often each core is given out: 500 kernels would not fit otherwise. */
const overcommit = 4;

/** The node, with the plugins that there are and a pretended one for the GPUs. */
function largeNode(): NodeDevices {
  const numaOf = (index: number, all: number): number => Math.floor((index * numaNodes) / all);
  const cpu = cpuPlugin({
    cores: Array.from({ length: cores }, (_, core) => ({ core, numaNode: numaOf(core, cores) })),
    overcommit,
    agentVersion: '',
    machine: 'x86_64',
    system: 'Linux',
  });
  const cuda = mockPlugin(
    {
      slotName: 'cuda',
      attributes: {},
      formats: {},
      devices: Array.from({ length: gpus }, (_, index) => ({
        motherUuid: `gpu-${index}`,
        modelName: 'A',
        numaNode: numaOf(index, gpus),
        processingUnits: 108,
        memoryBytes: 40 * 2 ** 30,
        isMig: false,
      })),
    },
    readShareOptions('cuda', { allocation_mode: 'fractional' }),
  );
  return nodeDevices([cuda, cpu, memPlugin(memoryBytes)]);
}

const ask = (cpu: number, share: string): SlotAmounts =>
  new Map([
    ['cpu', new Decimal(cpu)],
    ['mem', new Decimal(2 ** 30)],
    ['cuda.shares', new Decimal(share)],
  ]);

/** What allocations took, in batches, beside 500 kernels, each given back at once; a tenth of those is replaced as time goes by. */
async function timesOf(slots: SlotAmounts): Promise<readonly (readonly Took[])[]> {
  using watch = new OwnTime();
  const devices = largeNode();
  const signal = AbortSignal.timeout(limitMs);
  const held: KernelId[] = [];
  for (let index = 0; index < kernels; index += 1) {
    const kernel = newKernelId();
    await devices.lease(kernel, ask(1, index % 3 === 0 ? '0' : '0.4'), signal);
    held.push(kernel);
  }
  const round = async (index: number): Promise<Took> => {
    const kernel = newKernelId();
    watch.begin();
    await devices.lease(kernel, slots, signal);
    const took = watch.took();
    devices.release(kernel);
    if (index % 10 === 0) {
      const [oldest] = held.splice((index * 7) % held.length, 1);
      if (oldest) devices.release(oldest);
      const next = newKernelId();
      await devices.lease(next, ask(1, '0.4'), signal);
      held.push(next);
      await nextTurn();
    }
    return took;
  };
  for (let index = 0; index < warmUps; index += 1) await round(index);
  const all: Took[][] = [];
  for (let batch = 0; batch < batches; batch += 1) {
    const times: Took[] = [];
    for (let index = 0; index < rounds; index += 1) times.push(await round(index));
    all.push(times);
  }
  return all;
}

const requests = [ask(1, '0.5'), ask(64, '30'), ask(256, '0')];
const took: (readonly (readonly Took[])[])[] = [];
for (const request of requests) took.push(await timesOf(request));
console.log(JSON.stringify(took));
