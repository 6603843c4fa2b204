/** What the steps need of the node's ledgers; the implementations are in `resources/`. Each lease is freed once. */
import type { LostDevicesChange } from '../devices/lost-devices.ts';
import type { DevicePlacement } from '../devices/node-devices.ts';
import type { ImageFacts } from '../devices/node-plugin.ts';
import type { ContainerId, KernelId } from '../lib/ids.ts';
import type { LeasedNetwork, NetworkFiles } from '../network/prewarmed-network.ts';
import type { DeviceShare } from '../resources/device-share.ts';
import type { SlotAmounts } from '../resources/slot-amounts.ts';
import type { KnownSlots } from '../resources/slot-name.ts';

/** The node's cores, memory and accelerators. */
export interface DeviceLeases {
  /** Takes what a kernel asks for, all of it or nothing. Throws INSUFFICIENT_RESOURCES, or what a device plugin says. */
  lease(kernel: KernelId, ask: SlotAmounts, signal: AbortSignal, image?: ImageFacts): Promise<DevicePlacement>;
  /** Enters what a kernel of an earlier process has, even beyond what is free. */
  adopt(kernel: KernelId, devices: readonly DeviceShare[]): void;
  /** Every slot that was ever there. */
  readonly known: KnownSlots;
  /** Every device but cores and memory, as a whole. */
  accelerators(): readonly DeviceShare[];
  /** What a kernel has; null without an entry. */
  heldBy(kernel: KernelId): readonly DeviceShare[] | null;
  /** The kernels with an entry. */
  holders(): readonly KernelId[];
  /** Puts what a kernel really has in the place of what was entered. */
  correct(kernel: KernelId, devices: readonly DeviceShare[]): void;
  release(kernel: KernelId): void;
  /** Looks again for what there is; answers what of kernels' devices is gone now, or back. */
  rescan(signal: AbortSignal): Promise<LostDevicesChange>;
  /** Makes the maps the sum of the leases anew; answers the places that had another amount. */
  rebuild(): readonly string[];
}

/** Prewarmed networks, one kernel's at a time. */
export interface NetworkLeases {
  /** One that lives: what the kernel holds, else an idle one; null when there is none. */
  lease(kernel: KernelId, image: string, signal: AbortSignal): Promise<LeasedNetwork | null>;
  /** Takes what a kernel of an earlier process holds. */
  adopt(kernel: KernelId, container: ContainerId): void;
  holds(kernel: KernelId): boolean;
  /** The network files that belong to what the kernel has leased, as they were made. */
  networkFilesOf(kernel: KernelId): NetworkFiles | null;
  release(kernel: KernelId): void;
  /** Gives up one that turned out to be of no use. */
  discard(kernel: KernelId): void;
}

/** The pool of host ports. */
export interface PortLeases {
  /** The next free port. Throws NO_PORT_LEFT. */
  lease(kernel: KernelId): number;
  /** Takes a port that a kernel of an earlier process holds. */
  adopt(kernel: KernelId, port: number): void;
  /** The ports that a kernel holds. */
  heldBy(kernel: KernelId): readonly number[];
  release(kernel: KernelId, port: number): void;
  /** Keeps a port that something foreign holds out of the pool for a while; it must not be leased. */
  quarantine(port: number): void;
}
