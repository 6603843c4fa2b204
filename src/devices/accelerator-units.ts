/**
 * Units of an accelerator that kernels get: whole devices, shares of them, or slices of their own (MIG). What real and
 * pretended GPUs have in common (spec resources-and-stats 15.3 and 15.4). Pure.
 */
import { Decimal, plainText } from '../lib/decimal.ts';
import { type Allocation, assignedIds, type SlotDevice } from '../resources/allocation.ts';
import { AllocationMap } from '../resources/allocation-map.ts';
import type { SlotType } from '../resources/slot-name.ts';
import { type AttachedDevice, type ComputeDevice, numbered } from './device-plugin.ts';
import { limitsOf, type ShareOptions, sharesOf } from './fractional-gpu.ts';

/** What is given to one kernel at a time, or shared out. */
export interface AcceleratorUnit<Device extends ComputeDevice = ComputeDevice> {
  readonly device: Device;
  readonly slot: SlotDevice;
  readonly isMig: boolean;
}

/** The slot of whole devices, or of their shares. */
export const baseSlotOf = (key: string, { mode }: Pick<ShareOptions, 'mode'>): string =>
  `${key}.${mode === 'fractional' ? 'shares' : 'device'}`;

/** Of which slots of CUDA a kernel may have one only. */
export const cudaExclusive = ['cuda.device:*-mig', 'cuda.device', 'cuda.shares'];

const one = new Decimal(1);

/** The unit of a device; `profile` is that of a slice. */
export function unitOf<Device extends ComputeDevice>(
  device: Device,
  key: string,
  options: ShareOptions,
  profile?: string,
): AcceleratorUnit<Device> {
  const { id, memoryBytes, processingUnits } = device;
  if (profile !== undefined) {
    return { device, slot: { id, slot: `${key}.device:${profile}-mig`, type: 'unique', amount: one }, isMig: true };
  }
  const amount = options.mode === 'fractional' ? sharesOf(new Decimal(memoryBytes), processingUnits, options) : one;
  return { device, slot: { id, slot: baseSlotOf(key, options), type: 'count', amount }, isMig: false };
}

/** The base slot first, then those of slices as they come. */
export const unitSlotTypes = (
  baseSlot: string,
  units: readonly AcceleratorUnit[],
): readonly (readonly [string, SlotType])[] => [
  ...new Map<string, SlotType>([[baseSlot, 'count'], ...units.map(({ slot }) => [slot.slot, slot.type] as const)]),
];

/** The map of the units. */
export const unitMap = (
  units: readonly AcceleratorUnit[],
  { mode, quantum }: ShareOptions,
  exclusive: readonly string[],
): AllocationMap =>
  new AllocationMap({
    kind: mode === 'fractional' ? 'fraction' : 'discrete',
    strategy: 'evenly',
    devices: units.map(({ slot }) => slot),
    exclusive,
    ...(mode === 'fractional' ? { quantum } : {}),
  });

/** What the library in the container reads of its GPUs, with limits where it has shares. */
export function cudaData(allocation: Allocation, options: ShareOptions): readonly (readonly [string, string])[] {
  const lines: (readonly [string, string])[] = [
    ['CUDA_GLOBAL_DEVICE_IDS', numbered(assignedIds(allocation))],
    ['CUDA_RESOURCE_VIRTUALIZED', options.mode === 'fractional' ? '1' : '0'],
  ];
  if (options.mode !== 'fractional') return lines;
  const shares = [...(allocation.get('cuda.shares') ?? [])].filter(([, share]) => share.gt(0));
  const limits = shares.map(([id, share]) => ({ id, ...limitsOf(share, options) }));
  return [
    ...lines,
    ['CUDA_MEMORY_LIMITS', limits.map(({ id, memoryBytes }) => `${id}:${plainText(memoryBytes)}`).join(',')],
    ['CUDA_PROCESSOR_LIMITS', limits.map(({ id, processors }) => `${id}:${processors}`).join(',')],
    ['CUDA_RESERVED_MEMORY', plainText(options.reservedMemory)],
  ];
}

/** Whole devices with all they have, fractions with their limits; slices of devices are left out beside fractions. */
export function attachedUnits(
  allocation: Allocation,
  units: readonly AcceleratorUnit[],
  options: ShareOptions,
): readonly AttachedDevice[] {
  const isFractional = options.mode === 'fractional';
  return units.flatMap(({ device, slot, isMig }): AttachedDevice[] => {
    const amount = allocation.get(slot.slot)?.get(device.id);
    if (!amount?.gt(0) || (isFractional && isMig)) return [];
    const limits = isFractional ? limitsOf(amount, options) : undefined;
    const data = {
      smp: limits?.processors ?? device.processingUnits,
      mem: limits?.memoryBytes.toNumber() ?? device.memoryBytes,
    };
    return [{ device_id: device.id, model_name: device.modelName, data }];
  });
}
