/** Devices that kernels hold and the node hasn't any more, and what of it has changed. Pure. */
import type { KernelId } from '../lib/ids.ts';

/** Devices of one kernel, as `slot device`. */
export interface DevicesOfKernel {
  readonly kernel: KernelId;
  readonly devices: readonly string[];
}

/** What has changed since it was last reported. */
export interface LostDevicesChange {
  readonly lost: readonly DevicesOfKernel[];
  readonly back: readonly DevicesOfKernel[];
}

/** Devices that kernels hold and that the machine no longer has, with whether that was reported. */
export class LostDevices {
  readonly #lost = new Map<KernelId, readonly string[]>();
  readonly #reported = new Map<KernelId, readonly string[]>();

  /** What of a kernel's devices the node hasn't, now. */
  set(kernel: KernelId, devices: readonly string[]): void {
    if (devices.length === 0) this.#lost.delete(kernel);
    else this.#lost.set(kernel, devices);
  }

  /** The devices that a kernel has lost, by id; none for a kernel that has all of its own. */
  of(kernel: KernelId): readonly string[] {
    return this.#lost.get(kernel) ?? [];
  }

  /** The kernel holds nothing any more. */
  forget(kernel: KernelId): void {
    this.#lost.delete(kernel);
    this.#reported.delete(kernel);
  }

  /** What has changed since the last call. */
  takeChange(): LostDevicesChange {
    const kernels = [...new Set([...this.#lost.keys(), ...this.#reported.keys()])];
    const added = (now: ReadonlyMap<KernelId, readonly string[]>, before: ReadonlyMap<KernelId, readonly string[]>) =>
      kernels.flatMap((kernel): readonly DevicesOfKernel[] => {
        const devices = (now.get(kernel) ?? []).filter((device) => !before.get(kernel)?.includes(device));
        return devices.length > 0 ? [{ kernel, devices }] : [];
      });
    const change = { lost: added(this.#lost, this.#reported), back: added(this.#reported, this.#lost) };
    this.#reported.clear();
    for (const [kernel, devices] of this.#lost) this.#reported.set(kernel, devices);
    return change;
  }
}
