/** A pretended accelerator, to try out scheduling and accounting without the hardware (spec resources-and-stats 15). */

import { systemClock } from '../lib/clock.ts';
import { zero } from '../lib/decimal.ts';
import { kernelVariables } from '../protocol/image-contract.ts';
import { assignedIds } from '../resources/allocation.ts';
import {
  type AcceleratorUnit,
  attachedUnits,
  baseSlotOf,
  cudaData,
  cudaExclusive,
  unitMap,
  unitOf,
  unitSlotTypes,
} from './accelerator-units.ts';
import { type ComputeDevice, type DeviceMetadata, type DevicePlugin, sumBySlot } from './device-plugin.ts';
import type { MockConfig, MockDevice } from './mock-config.ts';
import { mockMeasures } from './mock-measures.ts';
import type { ShareOptions } from './share-options.ts';

/** What it pretends with. */
export interface Pretence {
  readonly agentVersion?: string;
  /** From 0 to 1, for figures that nobody measures. */
  readonly random?: () => number;
}

/** The plugin; one of a mode that there isn't is off and has no devices. */
export function mockPlugin(
  config: MockConfig,
  options: ShareOptions,
  { agentVersion = '', random = Math.random }: Pretence = {},
): DevicePlugin {
  const key = config.slotName;
  const { mode } = options;
  const baseSlot = baseSlotOf(key, options);
  const units = mode === null ? [] : config.devices.map((device, index) => mockUnit(device, index, key, options));
  const exclusiveSlots = key === 'cuda' ? cudaExclusive : [];
  const devices = units.map(({ device }) => device);
  return {
    key,
    slotTypes: mode === null ? [] : unitSlotTypes(baseSlot, units),
    exclusiveSlots,
    metadata: mode === null ? null : metadataOf(config, baseSlot, units),
    extraInfo: mode === null ? { [`${key}_support`]: false } : { [`${key}_support`]: true, ...config.attributes },
    devices,
    availableSlots: () => sumBySlot([[baseSlot, zero], ...units.map(({ slot }) => [slot.slot, slot.amount] as const)]),
    createMap: () => unitMap(units, options, exclusiveSlots),
    arguments(allocation) {
      if (key !== 'cuda') return {};
      const ids = assignedIds(allocation);
      return {
        environ: [
          'TF_MIN_GPU_MULTIPROCESSOR_COUNT=4',
          `${kernelVariables.mockDevices}=${ids.join(',')}`,
          `${kernelVariables.mockDeviceCount}=${ids.length}`,
        ],
      };
    },
    resourceData: (allocation) => (key === 'cuda' ? cudaData(allocation, options) : []),
    attachedDevices: (allocation) => attachedUnits(allocation, units, options),
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
    measure: (holders) => mockMeasures(key, units, options, holders, random),
  };
}

function mockUnit(mock: MockDevice, index: number, key: string, options: ShareOptions): AcceleratorUnit {
  const device: ComputeDevice & { readonly motherUuid: string } = {
    id: mock.isMig ? `MIG-${mock.motherUuid}/${index}/0` : mock.motherUuid,
    location: `0000:99:${String(index).padStart(2, '0')}.0`,
    memoryBytes: mock.memoryBytes,
    processingUnits: mock.processingUnits,
    numaNode: mock.numaNode,
    modelName: mock.modelName,
    motherUuid: mock.motherUuid,
  };
  return unitOf(device, key, options, mock.isMig ? profileOf(mock) : undefined);
}

/** `10g` of `MIG-10g`. */
const profileOf = ({ modelName }: MockDevice): string => modelName.slice(modelName.indexOf('-') + 1).toLowerCase();

function metadataOf(config: MockConfig, baseSlot: string, units: readonly AcceleratorUnit[]): DeviceMetadata {
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
