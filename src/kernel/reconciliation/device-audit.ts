/**
 * Whether the leases of devices still say what is so, looked at on timers of their own. The ledger is compared with the
 * journal, the containers' labels and each `resource.txt`: a difference is counted, published and repaired in favour of
 * kernels that run, since what their container was made with is what they have (spec resources-and-stats 9.5). And the
 * node is searched again for its devices, which come and go (spec resources-and-stats 4): a kernel keeps what it has, and
 * that some of it is lost, or back, is published.
 */

import type { DevicesOfKernel } from '../../devices/lost-devices.ts';
import type { DeviceDifference, EventSink, KernelEvent } from '../../events/kernel-event.ts';
import type { KernelId } from '../../lib/ids.ts';
import type { Logger } from '../../lib/log.ts';
import { areSameShares, type DeviceShare } from '../../resources/device-share.ts';
import type { ScratchFolders } from '../../storage/scratch.ts';
import type { KernelActor } from '../actor.ts';
import { readResourceFile, writeResourceFile } from '../container/resource-files.ts';
import type { InvariantViolations } from '../invariant-violations.ts';
import type { DeviceLeases } from '../leases.ts';
import type { KernelRecord } from '../record.ts';
import type { ListedContainer } from './owned-containers.ts';

/** What is known of one kernel's devices; null where a source says nothing. */
export interface DeviceAccounts {
  /** By the ledger; null = the kernel holds nothing there. */
  readonly lease: readonly DeviceShare[] | null;
  /** By the journal; the labels of a container that runs count for more. */
  readonly record: readonly DeviceShare[];
  /** By the labels of its container. */
  readonly container: readonly DeviceShare[] | null;
  /** By its `resource.txt`. */
  readonly file: readonly DeviceShare[] | null;
}

/** What differs, and what is to be done. */
export interface DeviceFinding {
  readonly invariantViolation: Exclude<DeviceDifference, 'lost' | 'back'>;
  readonly repair: 'correct-lease' | 'correct-record' | 'rewrite-file';
  readonly devices: readonly DeviceShare[];
}

/** Compares the accounts of a kernel that runs. Pure. */
export function compareAccounts({ lease, record, container, file }: DeviceAccounts): readonly DeviceFinding[] {
  const truth = container ?? record;
  const findings: DeviceFinding[] = [];
  if (lease === null) findings.push({ invariantViolation: 'missing-lease', repair: 'correct-lease', devices: truth });
  else if (!areSameShares(lease, truth))
    findings.push({ invariantViolation: 'differing-lease', repair: 'correct-lease', devices: truth });
  if (!areSameShares(record, truth))
    findings.push({ invariantViolation: 'differing-record', repair: 'correct-record', devices: truth });
  if (file === null || !areSameShares(file, truth)) {
    findings.push({ invariantViolation: 'differing-resource-file', repair: 'rewrite-file', devices: truth });
  }
  return findings;
}

/** What the comparison works with. */
export interface DeviceAuditParts {
  readonly devices: DeviceLeases;
  readonly actors: ReadonlyMap<KernelId, KernelActor>;
  readonly scratch: ScratchFolders;
  readonly invariantViolations: InvariantViolations;
  readonly events: Pick<EventSink, 'publish'>;
  readonly log: Logger;
}

/** One comparison of everything. `containers` are all of ours, as just listed. */
export async function auditDevices(
  parts: DeviceAuditParts,
  containers: readonly ListedContainer[],
  signal: AbortSignal,
): Promise<void> {
  const { devices, actors, invariantViolations, log } = parts;
  const places = devices.rebuild();
  if (places.length > 0) {
    invariantViolations.count('differing-device-map');
    log.error('what was allocated of devices was not the sum of the leases', { places });
  }
  const placements = new Map(containers.map(({ containerId, placement }) => [containerId, placement]));
  for (const kernel of actors.keys()) {
    try {
      await auditKernel(parts, kernel, placements, signal);
    } catch (error) {
      signal.throwIfAborted();
      invariantViolations.count('failed-device-audit');
      log.error('the devices of a kernel could not be compared or corrected', { kernel, error });
    }
  }
  releaseOrphans(parts, containers);
}

async function auditKernel(
  { devices, actors, scratch, invariantViolations, events, log }: DeviceAuditParts,
  kernel: KernelId,
  placements: ReadonlyMap<string, ListedContainer['placement']>,
  signal: AbortSignal,
): Promise<void> {
  const actor = actors.get(kernel);
  if (!actor || !isSteady(actor)) return;
  const { containerId, placement, unrecordedSince } = actor.record;
  const labels = containerId === null ? null : (placements.get(containerId) ?? null);
  // Nobody could write the file of one that is unrecorded anew.
  const file =
    unrecordedSince === null
      ? await readResourceFile(actor.record, scratch, signal)
      : (labels?.devices ?? placement.devices);
  // Whatever happened while the file was read is the next round's.
  if (actors.get(kernel) !== actor || !isSteady(actor)) return;
  const findings = compareAccounts({
    lease: devices.heldBy(kernel),
    record: placement.devices,
    container: labels?.devices ?? null,
    file,
  });
  for (const finding of findings) {
    invariantViolations.count(finding.invariantViolation);
    log.warn("the accounts of a kernel's devices differ", { kernel, ...finding });
    events.publish(differenceOf(actor.record, finding.invariantViolation, shareTexts(finding.devices)));
    if (finding.repair === 'correct-lease') devices.correct(kernel, finding.devices);
    if (finding.repair === 'correct-record' && labels && containerId) {
      actor.post({ type: 'placement-found', containerId, placement: labels });
    }
    // The file says what the record does: one that could not be put right just now waits for the next round.
    const isRight = areSameShares(actor.record.placement.devices, finding.devices);
    if (finding.repair === 'rewrite-file' && isRight) await writeResourceFile(actor.record, scratch);
  }
}

/** The event of a difference. */
export const differenceOf = (
  { spec }: Pick<KernelRecord, 'spec'>,
  kind: DeviceDifference,
  devices: readonly string[],
): KernelEvent => ({
  type: 'device-difference',
  kind,
  detail: `${words[kind]}: ${devices.join(', ')}`,
  kernelId: spec.id,
  sessionId: spec.sessionId,
});

const words: Readonly<Record<DeviceDifference, string>> = {
  'missing-lease': 'it had no entry in the ledger, and has one again',
  'differing-lease': 'the ledger had other devices, and is put right',
  'differing-record': 'its record named other devices than its container was made with, and is put right',
  'differing-resource-file': 'its resource.txt named other devices, and is written anew',
  lost: 'the node has lost devices that it holds',
  back: 'devices that it holds are back',
};
const shareTexts = (devices: readonly DeviceShare[]): readonly string[] =>
  devices.map(([slot, device, amount]) => `${amount} ${slot} of ${device}`);

const isSteady = ({ record, steady }: KernelActor): boolean => record.phase === 'running' && steady;

/** A kernel that nobody knows and that has no container can use nothing. */
function releaseOrphans(parts: DeviceAuditParts, containers: readonly ListedContainer[]): void {
  const { devices, actors, invariantViolations, log } = parts;
  const inUse = new Set(containers.map(({ kernelId }) => kernelId));
  for (const kernel of devices.holders()) {
    if (actors.has(kernel) || inUse.has(kernel)) continue;
    invariantViolations.count('orphaned-lease');
    log.warn('devices of a kernel that does not exist are released', { kernel });
    devices.release(kernel);
  }
}

/** What a search for devices that have come or gone works with. */
export interface DeviceRescanParts {
  readonly devices: Pick<DeviceLeases, 'rescan'>;
  readonly actors: ReadonlyMap<KernelId, KernelActor>;
  readonly invariantViolations: InvariantViolations;
  readonly events: Pick<EventSink, 'publish'>;
  readonly log: Logger;
}

/** One search. Rejects with the signal's reason alone. */
export async function rescanDevices(parts: DeviceRescanParts, signal: AbortSignal): Promise<void> {
  const { devices, actors, invariantViolations, events, log } = parts;
  const publish = (kind: 'lost' | 'back', changes: readonly DevicesOfKernel[]): void => {
    for (const { kernel, devices: names } of changes) {
      log.warn(`devices that a kernel holds are ${kind}`, { kernel, devices: names });
      if (kind === 'lost') invariantViolations.count('lost-device');
      const actor = actors.get(kernel);
      if (actor) events.publish(differenceOf(actor.record, kind, names));
    }
  };
  const { lost, back } = await devices.rescan(signal);
  publish('lost', lost);
  publish('back', back);
}
