/** Main memory (spec resources-and-stats 6). */
import { Decimal, sum } from '../lib/decimal.ts';
import { AllocationMap } from '../resources/allocation-map.ts';
import { ResourceError } from '../resources/resource-error.ts';
import type { DeviceMetadata, DevicePlugin } from './device-plugin.ts';

/** What is shown of the slot; its name is of old. */
export const memMetadata: DeviceMetadata = {
  slot_name: 'ram',
  description: 'Memory',
  human_readable_name: 'RAM',
  display_unit: 'GiB',
  number_format: { binary: true, round_length: 0 },
  display_icon: 'ram',
};

/** The plugin. `totalBytes` is the memory of the machine times the factor of overcommitment. */
export function memPlugin(totalBytes: number): DevicePlugin {
  const amount = new Decimal(totalBytes);
  return {
    key: 'mem',
    slotTypes: [['mem', 'bytes']],
    exclusiveSlots: [],
    metadata: memMetadata,
    extraInfo: {},
    devices: [
      { id: 'root', location: 'root', memoryBytes: totalBytes, processingUnits: 0, numaNode: 0, modelName: '' },
    ],
    availableSlots: () => new Map([['mem', amount]]),
    createMap: () =>
      new AllocationMap({
        kind: 'discrete',
        strategy: 'fill',
        devices: [{ id: 'root', slot: 'mem', type: 'bytes', amount }],
      }),
    arguments(allocation) {
      const bytes = sum(allocation.get('mem')?.values() ?? []).toNumber();
      // The engine takes 0 for no limit.
      if (!(bytes > 0)) {
        throw new ResourceError({ kind: 'invalid-amount', slot: 'mem', problem: 'The kernel has no memory' });
      }
      return { memoryBytes: bytes };
    },
    resourceData: () => [],
    attachedDevices: (allocation) =>
      allocation.get('mem')?.has('root') ? [{ device_id: 'root', model_name: '', data: {} }] : [],
  };
}
