/** What a manager is told of a kernel's resources (spec resources-and-stats 9.6 and 2.2). Pure. */
import type { AttachedDevice } from '../devices/device-plugin.ts';
import { plainText } from '../lib/decimal.ts';
import type { DeviceAmounts } from '../resources/allocation.ts';
import { allocationOf } from '../resources/device-share.ts';
import type { KernelRecord } from './record.ts';

/** Amounts as plain decimal texts, bytes in full: device type → slot → device → amount. */
type AllocationDocument = Readonly<Record<string, Readonly<Record<string, Readonly<Record<string, string>>>>>>;

/** `resource_spec` and `attached_devices`. */
export interface ResourceDocument {
  readonly resource_spec: {
    readonly container_id: string;
    readonly slots: Readonly<Record<string, string>>;
    readonly allocations: AllocationDocument;
    readonly scratch_disk_size: number;
    readonly mounts: readonly {
      readonly type: 'bind';
      readonly source: string;
      readonly target: string;
      readonly permission: 'ro' | 'rw';
      readonly opts: Readonly<Record<string, never>>;
    }[];
  };
  readonly attached_devices: Readonly<Record<string, readonly AttachedDevice[]>>;
}

/** The document. */
export function resourceDocument({ spec, placement, containerId }: KernelRecord): ResourceDocument {
  return {
    resource_spec: {
      container_id: containerId ?? '',
      slots: Object.fromEntries(placement.provision.slots.map(([slot, , amount]) => [slot, amount])),
      allocations: Object.fromEntries(
        [...allocationOf(placement.devices)].map(([type, ofType]) => [
          type,
          Object.fromEntries([...ofType].map(([slot, amounts]) => [slot, textsOf(amounts)])),
        ]),
      ),
      scratch_disk_size: 0,
      mounts: spec.mounts.map(({ source, target, readOnly }) => ({
        type: 'bind',
        source,
        target,
        permission: readOnly ? 'ro' : 'rw',
        opts: {},
      })),
    },
    attached_devices: Object.fromEntries(placement.provision.attached),
  };
}

const textsOf = (amounts: DeviceAmounts): Readonly<Record<string, string>> =>
  Object.fromEntries([...amounts].map(([id, amount]) => [id, plainText(amount)]));
