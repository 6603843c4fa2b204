/**
 * Looks again for the node's devices, which come and go (spec resources-and-stats 4): a kernel keeps what it has, and
 * that some of it is gone, or back, is told.
 */

import type { DevicesOfKernel } from '../devices/lost-devices.ts';
import type { EventSink } from '../events/kernel-event.ts';
import type { KernelId } from '../lib/ids.ts';
import type { Logger } from '../lib/log.ts';
import type { KernelActor } from './actor.ts';
import { differenceOf } from './device-audit.ts';
import type { InvariantViolations } from './invariant-violations.ts';
import type { DeviceLeases } from './leases.ts';

/** What it works with. */
export interface DeviceRescanParts {
  readonly devices: Pick<DeviceLeases, 'rescan'>;
  readonly actors: ReadonlyMap<KernelId, KernelActor>;
  readonly invariantViolations: InvariantViolations;
  readonly events: Pick<EventSink, 'publish'>;
  readonly log: Logger;
}

/** One look. Rejects with the signal's reason alone. */
export async function rescanDevices(parts: DeviceRescanParts, signal: AbortSignal): Promise<void> {
  const { devices, actors, invariantViolations, events, log } = parts;
  const tell = (kind: 'lost' | 'back', changes: readonly DevicesOfKernel[]): void => {
    for (const { kernel, devices: names } of changes) {
      log.warn(`devices that a kernel holds are ${kind}`, { kernel, devices: names });
      if (kind === 'lost') invariantViolations.count('lost-device');
      const actor = actors.get(kernel);
      if (actor) events.publish(differenceOf(actor.record, kind, names));
    }
  };
  const { lost, back } = await devices.rescan(signal);
  tell('lost', lost);
  tell('back', back);
}
