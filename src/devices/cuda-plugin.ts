/** GPUs by CUDA (spec resources-and-stats 14): what is done with them once they are found. */

import { zero } from '../lib/decimal.ts';
import { assignedIds } from '../resources/allocation.ts';
import type { DeviceArguments } from '../resources/device-arguments.ts';
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
import {
  type ComputeDevice,
  type DeviceMetadata,
  type DevicePlugin,
  type HardwareInfo,
  numbered,
  sumBySlot,
} from './device-plugin.ts';
import { readShareOptions, type ShareOptions } from './fractional-gpu.ts';

/** The engine's version; numbers compare from left to right. */
export type EngineVersion = readonly [number, number, number];

/** How the engine attaches GPUs: by its `nvidia` runtime, or by a specification of CDI. */
export type CudaAttachment = 'nvidia' | 'cdi';

/** A GPU or a slice of one. */
export interface CudaDevice extends ComputeDevice {
  /** By which the engine is asked for it, since indexes differ between libraries; the id when absent. */
  readonly uuid?: string;
  /** Of a slice: `10g`. */
  readonly profile?: string;
}

/** The driver's GPUs, and how the engine attaches them. */
export interface CudaFacts {
  /** False when the engine has no `nvidia` runtime or the library can't be used. */
  readonly enabled: boolean;
  readonly engineVersion: EngineVersion;
  readonly devices: readonly CudaDevice[];
  /** Of the driver, and `12.4` of the runtime. */
  readonly driverVersion: string;
  readonly cudaVersion: string;
  /** How many GPUs should be there and don't answer; none when absent. */
  readonly lost?: number;
  /** `nvidia` when absent. */
  readonly attachment?: CudaAttachment;
  /** Whole devices when absent. */
  readonly shares?: ShareOptions;
  /** Whether kernels without a GPU are kept from seeing any, whatever their image says. */
  readonly hideFromOthers?: boolean;
  /** 26.8 says in `resource.txt` that the devices are whole. */
  readonly rule?: '24.09' | '26.8';
}

const firstWithRequests: EngineVersion = [19, 3, 0];
const capabilities = ['utility', 'compute', 'video', 'graphics', 'display'];
const whole = readShareOptions('cuda', {});

/** What is shown of the slot. */
export const cudaMetadata: DeviceMetadata = {
  slot_name: 'cuda.device',
  description: 'CUDA-capable GPU',
  human_readable_name: 'GPU',
  display_unit: 'GPU',
  number_format: { binary: false, round_length: 0 },
  display_icon: 'gpu1',
};

const fractionalMetadata: DeviceMetadata = {
  ...cudaMetadata,
  slot_name: 'cuda.shares',
  description: 'CUDA-capable GPU (fractional)',
  human_readable_name: 'fGPU',
  display_unit: 'fGPU',
  number_format: { binary: false, round_length: 2 },
};

/** Engines of old know GPUs by a runtime and its variables, where an empty list means none. */
function argumentsFor(facts: CudaFacts, ids: readonly string[]): DeviceArguments {
  const { attachment = 'nvidia', engineVersion, hideFromOthers } = facts;
  if (attachment === 'cdi') {
    return ids.length === 0 ? {} : { requests: [{ driver: 'cdi', ids: ids.map(cdiName), capabilities: [] }] };
  }
  if (!isAtLeast(engineVersion, firstWithRequests)) {
    return {
      runtime: 'nvidia',
      environ: ['NVIDIA_DRIVER_CAPABILITIES=all', `NVIDIA_VISIBLE_DEVICES=${ids.join(',')}`],
    };
  }
  if (ids.length > 0) return { requests: [{ driver: 'nvidia', ids, capabilities }] };
  return hideFromOthers ? { environ: ['NVIDIA_VISIBLE_DEVICES=void'] } : {};
}

const cdiName = (id: string): string => `nvidia.com/gpu=${id}`;

function isAtLeast(version: EngineVersion, least: EngineVersion): boolean {
  const place = version.findIndex((number, index) => number !== least[index]);
  return place < 0 || (version[place] ?? 0) > (least[place] ?? 0);
}

/** The plugin of the facts; it does no I/O. */
export function cudaPlugin(facts: CudaFacts): DevicePlugin {
  const { enabled, driverVersion, cudaVersion, rule, shares = whole } = facts;
  const isFractional = shares.mode === 'fractional';
  const units: readonly AcceleratorUnit<CudaDevice>[] = enabled
    ? facts.devices.map((device) => unitOf(device, 'cuda', shares, device.profile))
    : [];
  const baseSlot = baseSlotOf('cuda', shares);
  const exclusiveSlots = isFractional || units.some(({ isMig }) => isMig) ? cudaExclusive : [];
  const uuids = new Map(units.map(({ device: { id, uuid } }) => [id, uuid ?? id]));
  return {
    key: 'cuda',
    slotTypes: unitSlotTypes(baseSlot, units),
    exclusiveSlots,
    metadata: enabled ? (isFractional ? fractionalMetadata : cudaMetadata) : null,
    extraInfo: enabled
      ? { cuda_support: true, nvidia_version: driverVersion, cuda_version: cudaVersion }
      : { cuda_support: false },
    devices: units.map(({ device }) => device),
    availableSlots: () => sumBySlot([[baseSlot, zero], ...units.map(({ slot }) => [slot.slot, slot.amount] as const)]),
    createMap: () => unitMap(units, shares, exclusiveSlots),
    arguments(allocation) {
      if (!enabled) return {};
      return argumentsFor(
        facts,
        assignedIds(allocation).map((id) => uuids.get(id) ?? id),
      );
    },
    resourceData(allocation) {
      if (!enabled) return [];
      if (isFractional) return cudaData(allocation, shares);
      const ids = [...assignedIds(allocation)].sort(byNumber);
      const lines: (readonly [string, string])[] = [['CUDA_GLOBAL_DEVICE_IDS', numbered(ids)]];
      return rule === '26.8' ? [...lines, ['CUDA_RESOURCE_VIRTUALIZED', '0']] : lines;
    },
    attachedDevices: (allocation) => attachedUnits(allocation, units, shares),
    ...(enabled ? { hardware: () => hardwareOf(facts) } : {}),
  };
}

const hardwareOf = ({ devices, driverVersion, cudaVersion, lost = 0 }: CudaFacts): HardwareInfo => ({
  status: lost === 0 ? 'healthy' : 'degraded',
  status_info: lost === 0 ? null : `${lost} of the GPUs ${lost === 1 ? 'does' : 'do'} not answer the driver`,
  metadata: {
    driver_version: driverVersion,
    cuda_version: cudaVersion,
    devices: String(devices.length),
    models: [...new Set(devices.map(({ modelName }) => modelName))].join(', '),
  },
});

/** Indexes ascending; ids that are no numbers stay where they are. */
const byNumber = (left: string, right: string): number => Number(left) - Number(right) || 0;
