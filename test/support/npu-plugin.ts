/** An accelerator for tests: whole units, and what they bring along. */
import type { DevicePlugin } from '../../src/devices/device-plugin.ts';
import { Decimal } from '../../src/lib/decimal.ts';
import { AllocationMap } from '../../src/resources/allocation-map.ts';
import type { DeviceArguments } from '../../src/resources/device-arguments.ts';

/** The plugin, with the slot `npu.device`. */
export function npuPlugin(ids: readonly string[], brings: DeviceArguments = {}): DevicePlugin {
  const amount = new Decimal(1);
  const device = { location: '', memoryBytes: 0, processingUnits: 0, numaNode: 0, modelName: '' };
  return {
    key: 'npu',
    slotTypes: [['npu.device', 'count']],
    exclusiveSlots: [],
    metadata: null,
    extraInfo: {},
    devices: ids.map((id) => ({ id, ...device })),
    availableSlots: () => new Map([['npu.device', new Decimal(ids.length)]]),
    createMap: () =>
      new AllocationMap({
        kind: 'discrete',
        strategy: 'evenly',
        devices: ids.map((id) => ({ id, slot: 'npu.device', type: 'count', amount })),
      }),
    arguments: () => brings,
    resourceData: () => [],
    attachedDevices: () => [],
  };
}
