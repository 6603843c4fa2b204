/**
 * CPUs of a node that runs alone: kernels are not pinned, and may ask for parts. What one has is a cap, so that the whole
 * can be offered several times over.
 */
import { Decimal } from '../lib/decimal.ts';
import { AllocationMap } from '../resources/allocation-map.ts';
import { cpuMetadata } from './cpu-plugin.ts';
import type { DevicePlugin } from './device-plugin.ts';

/** What there is. */
export interface SharedCpus {
  /** With fractions, times the overcommitment. */
  readonly cpus: number;
}

const id = 'any';

/** The plugin. */
export function sharedCpuPlugin({ cpus }: SharedCpus): DevicePlugin {
  const amount = new Decimal(cpus);
  return {
    key: 'cpu',
    slotTypes: [['cpu', 'count']],
    exclusiveSlots: [],
    metadata: cpuMetadata,
    extraInfo: {},
    devices: [{ id, location: 'root', memoryBytes: 0, processingUnits: cpus, numaNode: null, modelName: '' }],
    availableSlots: () => new Map([['cpu', amount]]),
    createMap: () =>
      new AllocationMap({
        kind: 'discrete',
        strategy: 'fill',
        devices: [{ id, slot: 'cpu', type: 'count', amount }],
      }),
    arguments: () => ({}),
    resourceData: () => [],
    attachedDevices: () => [],
  };
}
