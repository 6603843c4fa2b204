/** A pretended accelerator, to try out scheduling and accounting without the hardware (spec resources-and-stats 15). */
import { systemClock } from '../lib/clock.ts';
import { Decimal, plainText, zero } from '../lib/decimal.ts';
import type { Allocation, SlotDevice } from '../resources/allocation.ts';
import { AllocationMap } from '../resources/allocation-map.ts';
import type { SlotType } from '../resources/slot-name.ts';
import {
  type AttachedDevice,
  assignedIds,
  type ComputeDevice,
  type DeviceMetadata,
  type DevicePlugin,
  numbered,
  sumBySlot,
} from './device-plugin.ts';
import type { MockConfig, MockDevice, MockOptions } from './mock-config.ts';
import { limitsOf, sharesOf } from './mock-share.ts';

const cudaExclusive = ['cuda.device:*-mig', 'cuda.device', 'cuda.shares'];
const one = new Decimal(1);

interface MockUnit {
  readonly device: ComputeDevice & { readonly motherUuid: string };
  readonly slot: SlotDevice;
  readonly isMig: boolean;
}

/** The plugin; one of a mode that there isn't is off and has no devices. */
export function mockPlugin(config: MockConfig, options: MockOptions, agentVersion = ''): DevicePlugin {
  const key = config.slotName;
  const { mode } = options;
  const baseSlot = `${key}.${mode === 'fractional' ? 'shares' : 'device'}`;
  const units = mode === null ? [] : config.devices.map((device, index) => mockUnit(device, index, baseSlot, options));
  const exclusiveSlots = key === 'cuda' ? cudaExclusive : [];
  const devices = units.map(({ device }) => device);
  return {
    key,
    slotTypes: mode === null ? [] : slotTypes(baseSlot, units),
    exclusiveSlots,
    metadata: mode === null ? null : metadataOf(config, baseSlot, units),
    extraInfo: mode === null ? { [`${key}_support`]: false } : { [`${key}_support`]: true, ...config.attributes },
    devices,
    availableSlots: () => sumBySlot([[baseSlot, zero], ...units.map(({ slot }) => [slot.slot, slot.amount] as const)]),
    createMap: () =>
      new AllocationMap({
        kind: mode === 'fractional' ? 'fraction' : 'discrete',
        strategy: 'evenly',
        devices: units.map(({ slot }) => slot),
        exclusive: exclusiveSlots,
        ...(mode === 'fractional' ? { quantum: options.quantum } : {}),
      }),
    arguments(allocation) {
      if (key !== 'cuda') return {};
      const ids = assignedIds(allocation);
      return {
        environ: [
          'TF_MIN_GPU_MULTIPROCESSOR_COUNT=4',
          `BACKENDAI_MOCK_CUDA_DEVICES=${ids.join(',')}`,
          `BACKENDAI_MOCK_CUDA_DEVICE_COUNT=${ids.length}`,
        ],
      };
    },
    resourceData: (allocation) => (key === 'cuda' ? cudaData(allocation, options) : []),
    attachedDevices: (allocation) => attached(allocation, units, baseSlot, options),
    hardware: () => ({
      status: 'healthy',
      status_info: null,
      metadata: {
        name: 'Backend.AI Mocked Accelerator Node',
        platform: 'Backend.AI',
        serial_number: 'N/A',
        version: agentVersion,
        last_updated: new Date(systemClock.now()).toISOString(),
      },
    }),
  };
}

function mockUnit(mock: MockDevice, index: number, baseSlot: string, options: MockOptions): MockUnit {
  const id = mock.isMig ? `MIG-${mock.motherUuid}/${index}/0` : mock.motherUuid;
  const share = (): Decimal => sharesOf(new Decimal(mock.memoryBytes), mock.processingUnits, options);
  const slot: SlotDevice = mock.isMig
    ? { id, slot: `cuda.device:${profileOf(mock)}-mig`, type: 'unique', amount: one }
    : { id, slot: baseSlot, type: 'count', amount: options.mode === 'fractional' ? share() : one };
  return {
    device: {
      id,
      location: `0000:99:${String(index).padStart(2, '0')}.0`,
      memoryBytes: mock.memoryBytes,
      processingUnits: mock.processingUnits,
      numaNode: mock.numaNode,
      modelName: mock.modelName,
      motherUuid: mock.motherUuid,
    },
    slot,
    isMig: mock.isMig,
  };
}

/** `10g` of `MIG-10g`. */
const profileOf = ({ modelName }: MockDevice): string => modelName.slice(modelName.indexOf('-') + 1).toLowerCase();

function slotTypes(baseSlot: string, units: readonly MockUnit[]): readonly (readonly [string, SlotType])[] {
  return [
    ...new Map<string, SlotType>([[baseSlot, 'count'], ...units.map(({ slot }) => [slot.slot, slot.type] as const)]),
  ];
}

function metadataOf(config: MockConfig, baseSlot: string, units: readonly MockUnit[]): DeviceMetadata {
  const key = config.slotName;
  const subType = units.some(({ isMig }) => isMig) ? '*-mig' : baseSlot.slice(key.length + 1);
  const format = config.formats[subType] ?? {
    human_readable_name: key.toUpperCase(),
    description: `${key.toUpperCase()} accelerator`,
    display_unit: key.toUpperCase(),
    display_icon: 'gpu1',
    number_format: { binary: false, round_length: 0 },
  };
  return { slot_name: `${key}.${subType}`, ...format };
}

function cudaData(allocation: Allocation, options: MockOptions): readonly (readonly [string, string])[] {
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
function attached(
  allocation: Allocation,
  units: readonly MockUnit[],
  baseSlot: string,
  options: MockOptions,
): readonly AttachedDevice[] {
  const isFractional = options.mode === 'fractional';
  return units.flatMap(({ device, slot, isMig }): AttachedDevice[] => {
    const amount = allocation.get(isFractional ? baseSlot : slot.slot)?.get(device.id);
    if (!amount?.gt(0) || (isFractional && isMig)) return [];
    const limits = isFractional ? limitsOf(amount, options) : undefined;
    const data = {
      smp: limits?.processors ?? device.processingUnits,
      mem: limits?.memoryBytes.toNumber() ?? device.memoryBytes,
    };
    return [{ device_id: device.id, model_name: device.modelName, data }];
  });
}
