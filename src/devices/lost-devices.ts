/** Devices that kernels hold and the node hasn't any more, and what of it is news. Pure. */
import type { KernelId } from '../lib/ids.ts';

/** Devices of one kernel, as `slot device`. */
export interface DevicesOfKernel {
  readonly kernel: KernelId;
  readonly devices: readonly string[];
}

/** What has changed since it was last told. */
export interface LostDevicesChange {
  readonly lost: readonly DevicesOfKernel[];
  readonly back: readonly DevicesOfKernel[];
}

/** The book. */
export class LostDevices {
  readonly #lost = new Map<KernelId, readonly string[]>();
  readonly #told = new Map<KernelId, readonly string[]>();

  /** What of a kernel's devices the node hasn't, now. */
  enter(kernel: KernelId, devices: readonly string[]): void {
    if (devices.length === 0) this.#lost.delete(kernel);
    else this.#lost.set(kernel, devices);
  }

  /** A kernel's lost devices. */
  of(kernel: KernelId): readonly string[] {
    return this.#lost.get(kernel) ?? [];
  }

  /** The kernel holds nothing any more. */
  forget(kernel: KernelId): void {
    this.#lost.delete(kernel);
    this.#told.delete(kernel);
  }

  /** What is news, once. */
  takeChange(): LostDevicesChange {
    const kernels = [...new Set([...this.#lost.keys(), ...this.#told.keys()])];
    const news = (now: ReadonlyMap<KernelId, readonly string[]>, before: ReadonlyMap<KernelId, readonly string[]>) =>
      kernels.flatMap((kernel): readonly DevicesOfKernel[] => {
        const devices = (now.get(kernel) ?? []).filter((device) => !before.get(kernel)?.includes(device));
        return devices.length > 0 ? [{ kernel, devices }] : [];
      });
    const change = { lost: news(this.#lost, this.#told), back: news(this.#told, this.#lost) };
    this.#told.clear();
    for (const [kernel, devices] of this.#lost) this.#told.set(kernel, devices);
    return change;
  }
}
