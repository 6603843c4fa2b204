/** GPUs by CUDA (spec resources-and-stats 14): what is done with them once they are found. */
import { Decimal } from '../lib/decimal.ts';
import { AllocationMap } from '../resources/allocation-map.ts';
import type { DeviceArguments } from '../resources/device-arguments.ts';
import { assignedIds, type ComputeDevice, type DeviceMetadata, type DevicePlugin, numbered } from './device-plugin.ts';

/** The engine's version; numbers compare from left to right. */
export type EngineVersion = readonly [number, number, number];

/** What was discovered. */
export interface CudaFacts {
  /** False when the engine has no `nvidia` runtime or the library can't be used. */
  readonly enabled: boolean;
  readonly engineVersion: EngineVersion;
  readonly devices: readonly ComputeDevice[];
  /** Of the driver, and `12.4` of the runtime. */
  readonly driverVersion: string;
  readonly cudaVersion: string;
  /** 26.8 says in `resource.txt` that the devices are whole. */
  readonly rule?: '24.09' | '26.8';
}

const slot = 'cuda.device';
const firstWithRequests: EngineVersion = [19, 3, 0];
const capabilities = ['utility', 'compute', 'video', 'graphics', 'display'];

/** What is shown of the slot. */
export const cudaMetadata: DeviceMetadata = {
  slot_name: slot,
  description: 'CUDA-capable GPU',
  human_readable_name: 'GPU',
  display_unit: 'GPU',
  number_format: { binary: false, round_length: 0 },
  display_icon: 'gpu1',
};

/** Engines of old know GPUs by a runtime and its variables, where an empty list means none. */
function argumentsFor(version: EngineVersion, ids: readonly string[]): DeviceArguments {
  if (isAtLeast(version, firstWithRequests)) {
    return ids.length === 0 ? {} : { requests: [{ driver: 'nvidia', ids, capabilities }] };
  }
  return {
    runtime: 'nvidia',
    environ: ['NVIDIA_DRIVER_CAPABILITIES=all', `NVIDIA_VISIBLE_DEVICES=${ids.join(',')}`],
  };
}

function isAtLeast(version: EngineVersion, least: EngineVersion): boolean {
  const place = version.findIndex((number, index) => number !== least[index]);
  return place < 0 || (version[place] ?? 0) > (least[place] ?? 0);
}

/** The plugin. */
export function cudaPlugin(facts: CudaFacts): DevicePlugin {
  const { enabled, engineVersion, driverVersion, cudaVersion, rule } = facts;
  const devices = enabled ? facts.devices : [];
  const one = new Decimal(1);
  return {
    key: 'cuda',
    slotTypes: [[slot, 'count']],
    exclusiveSlots: [],
    metadata: enabled ? cudaMetadata : null,
    extraInfo: enabled
      ? { cuda_support: true, nvidia_version: driverVersion, cuda_version: cudaVersion }
      : { cuda_support: false },
    devices,
    availableSlots: () => new Map([[slot, new Decimal(devices.length)]]),
    createMap: () =>
      new AllocationMap({
        kind: 'discrete',
        strategy: 'evenly',
        devices: devices.map(({ id }) => ({ id, slot, type: 'count', amount: one })),
      }),
    arguments: (allocation) => (enabled ? argumentsFor(engineVersion, assignedIds(allocation)) : {}),
    resourceData(allocation) {
      if (!enabled) return [];
      const ids = [...assignedIds(allocation)].sort((left, right) => Number(left) - Number(right));
      const lines: (readonly [string, string])[] = [['CUDA_GLOBAL_DEVICE_IDS', numbered(ids)]];
      return rule === '26.8' ? [...lines, ['CUDA_RESOURCE_VIRTUALIZED', '0']] : lines;
    },
    attachedDevices(allocation) {
      const held = new Set(assignedIds(allocation));
      return devices
        .filter(({ id }) => held.has(id))
        .map(({ id, modelName, processingUnits, memoryBytes }) => ({
          device_id: id,
          model_name: modelName,
          data: { smp: processingUnits, mem: memoryBytes },
        }));
    },
  };
}
