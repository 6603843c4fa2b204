/** Figures of pretended accelerators: random, within what is plausible (spec resources-and-stats 15.5). */
import type { AcceleratorUnit } from './accelerator-units.ts';
import { type DeviceHolder, type DeviceMeasure, type MeasuredAmount, summed } from './device-measures.ts';
import { limitsOf, type ShareOptions } from './fractional-gpu.ts';

/** What a device is said to do. */
interface Load {
  /** Of its memory, from 0 to 1. */
  readonly memory: number;
  /** In percent. */
  readonly utilization: number;
  readonly watts: number;
  readonly celsius: number;
}

const maxPercent = 100;
const maxWatts = 250;
const maxCelsius = 120;

/** Around a mean, by the sum of twelve, which needs no logarithm of 0. */
const normal = (mean: number, deviation: number, random: () => number): number =>
  mean + deviation * (Array.from({ length: 12 }, random).reduce((total, one) => total + one, 0) - 6);
const within = (value: number, max: number): number => thousandths(Math.min(Math.max(value, 0), max));
const thousandths = (value: number): number => Math.trunc(value * 1000) / 1000;

function loadOf(random: () => number): Load {
  return {
    memory: 0.2 + 0.8 * random(),
    utilization: within(100 * random(), maxPercent),
    watts: within(normal(200, 50, random), maxWatts),
    celsius: within(normal(90, 20, random), maxCelsius),
  };
}

/** What is used of a kernel's part of a device: as much of it as of the whole. */
function partsOf(
  { allocation }: DeviceHolder,
  units: readonly AcceleratorUnit[],
  options: ShareOptions,
  loads: ReadonlyMap<string, Load>,
): readonly { readonly memory: MeasuredAmount; readonly utilization: MeasuredAmount }[] {
  return units.flatMap(({ device, slot, isMig }) => {
    const share = allocation.get(slot.slot)?.get(device.id);
    const load = loads.get(device.id);
    if (!share?.gt(0) || !load) return [];
    const isShare = options.mode === 'fractional' && !isMig;
    const capacity = isShare ? limitsOf(share, options).memoryBytes.toNumber() : device.memoryBytes;
    return [
      {
        memory: { value: Math.trunc(capacity * load.memory), capacity },
        utilization: { value: load.utilization, capacity: maxPercent },
      },
    ];
  });
}

/** The measures; every kernel has those of memory and utilization, of nothing where it has no device. */
export function mockMeasures(
  key: string,
  units: readonly AcceleratorUnit[],
  options: ShareOptions,
  holders: readonly DeviceHolder[],
  random: () => number,
): readonly DeviceMeasure[] {
  const { mask } = options;
  const shown = units.filter(({ device }, index) => !mask.has(String(index)) && !mask.has(device.id));
  const loads = new Map(shown.map(({ device }) => [device.id, loadOf(random)]));
  const each = (amountOf: (load: Load, memoryBytes: number) => MeasuredAmount): ReadonlyMap<string, MeasuredAmount> =>
    new Map(
      shown.flatMap(({ device: { id, memoryBytes } }) => {
        const load = loads.get(id);
        return load ? [[id, amountOf(load, memoryBytes)] as const] : [];
      }),
    );
  const parts = holders.map((holder) => [holder.kernel, partsOf(holder, shown, options, loads)] as const);
  const memory = each(({ memory: part }, bytes) => ({ value: Math.trunc(bytes * part), capacity: bytes }));
  const utilization = each((load) => ({ value: load.utilization, capacity: maxPercent }));
  const power = each((load) => ({ value: load.watts, capacity: maxWatts }));
  const temperature = each((load) => ({ value: load.celsius, capacity: maxCelsius }));
  const measured = (what: string, unit: string, filter: DeviceMeasure['filter']) =>
    ({ key: `${key}_${what}`, unit, filter, hook: null, processes: new Map() }) as const;
  const average = ['avg', 'max'] as const;
  return [
    {
      ...measured('mem', 'bytes', ['max']),
      node: summed(memory.values()),
      devices: memory,
      kernels: new Map(parts.map(([kernel, own]) => [kernel, summed(own.map((part) => part.memory))])),
    },
    {
      ...measured('util', 'percent', average),
      node: summed(utilization.values()),
      devices: utilization,
      kernels: new Map(parts.map(([kernel, own]) => [kernel, summed(own.map((part) => part.utilization))])),
    },
    { ...measured('power', 'Watts', average), node: summed(power.values()), devices: power, kernels: new Map() },
    {
      ...measured('temperature', 'Celsius', average),
      node: { value: meanOf(temperature), capacity: maxCelsius },
      devices: temperature,
      kernels: new Map(),
    },
  ];
}

const meanOf = (amounts: ReadonlyMap<string, MeasuredAmount>): number =>
  amounts.size === 0 ? 0 : thousandths(summed(amounts.values()).value / amounts.size);
