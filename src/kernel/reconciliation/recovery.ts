/**
 * Takes over what an earlier process left: journal ∪ containers ∪ scratch, each optional (spec kernel-lifecycle 16.3). Every
 * record gets its actor and its leases back, then learns what became of its container.
 */

import { lstat, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Engine } from '../../engine/engine.ts';
import type { EventSink } from '../../events/kernel-event.ts';
import type { Clock } from '../../lib/clock.ts';
import { withDeadline } from '../../lib/deadline.ts';
import type { ErrorCode } from '../../lib/error-codes.ts';
import { toKerneletError } from '../../lib/errors.ts';
import type { KernelId } from '../../lib/ids.ts';
import type { Logger } from '../../lib/log.ts';
import type { ScratchFolders } from '../../storage/scratch.ts';
import type { KernelActor } from '../actor.ts';
import { type Ownership, provenLabels } from '../container/ownership.ts';
import { groupsOf } from '../creation/creation.ts';
import type { CreationPlan } from '../creation/step.ts';
import { recordCopyName } from '../creation/steps/config-files.ts';
import type { InvariantViolations } from '../invariant-violations.ts';
import type { Journal } from '../journal.ts';
import type { RecoverySummary } from '../kernel-registry.ts';
import type { DeviceLeases } from '../leases.ts';
import { decodeRecord, type KernelRecord } from '../record.ts';
import type { ContainerObservation } from '../state-machine.ts';
import { awayCodes } from '../termination.ts';
import type { BootNote } from './boot-note.ts';
import { containerIsAlive, type Ground, observationOf, outlivedUntil } from './container-end.ts';
import type { EngineIdentityGuard } from './engine-identity-guard.ts';
import { type ListedContainer, ownedAmong } from './owned-containers.ts';
import type { UnheldLimits } from './unheld-limits.ts';
import { unrecordedRecord } from './unrecorded.ts';

/** What a recovery works with. */
export interface AdoptionParts {
  readonly engine: Engine;
  readonly engineGuard: Pick<EngineIdentityGuard, 'check'>;
  readonly plan: CreationPlan;
  readonly journal: Journal;
  readonly ownership: Ownership;
  readonly scratch: ScratchFolders;
  readonly events: Pick<EventSink<KernelRecord>, 'hasToldEnd'>;
  readonly devices: Pick<DeviceLeases, 'known' | 'accelerators'>;
  /** The name of the agent's own network. */
  readonly bridgeName: string;
  readonly invariantViolations: InvariantViolations;
  readonly bootNote: Pick<BootNote, 'rebootedAt' | 'write'>;
  readonly unheldLimits: UnheldLimits;
  readonly onEngineRestart: Ground['onEngineRestart'];
  readonly clock: Clock;
  readonly log: Logger;
}

/** How long a recovery waits for clean-ups to end; they go on afterwards. */
const settleMs = 5_000;

/** Of which an engine that fails, hangs or is away has the blame. */
const engineTroubles: ReadonlySet<ErrorCode> = new Set([...awayCodes, 'ENGINE_FAILED']);

/** Takes over what an earlier process left. Throws ENGINE_UNAVAILABLE, ENGINE_CHANGED, and then has done nothing. */
export async function adoptAll(
  parts: AdoptionParts,
  add: (record: KernelRecord) => KernelActor,
  signal: AbortSignal,
): Promise<RecoverySummary> {
  const { engine, engineGuard, journal, ownership, events, invariantViolations, scratch, bootNote } = parts;
  // Before anything is read: a record that cannot be is put aside, and nothing is done while the engine is away.
  const listing = await engine.listContainers(provenLabels, signal);
  const { records, quarantined } = await journal.load();
  const containers = ownedAmong(listing, ownership, records);
  const listed = new Set(containers.map(({ containerId }) => containerId));
  await engineGuard.check({ listed, recorded: records }, signal);
  for (const _ of quarantined) invariantViolations.count('quarantined-record');
  const decisions = decideRecovery(records, containers, await journal.putAside());
  const resumed = await Promise.all(decisions.map((one) => toResume(one, parts, signal)));
  const known = resumed.filter((one) => one !== null);
  // Everything that the engine is asked comes first: when it goes away meanwhile, nothing has begun.
  const observations = await observeAll(
    known.map(({ container }) => container),
    parts,
    signal,
  );
  // A daemon that stops begins nothing more.
  signal.throwIfAborted();
  // Side by side: an engine that hangs may hold each one up until its deadline.
  const actors = await Promise.all(
    known.map(async ({ record }, index) => {
      const actor = add(record);
      const observation = observations[index] ?? { type: 'absent' };
      await adoptLeases(record, parts);
      actor.post({ type: 'recovered', observation, terminationPublished: events.hasToldEnd(record) });
      return actor;
    }),
  );
  scratch.tidy();
  await settled(actors, parts.clock, signal);
  // From here on the records say what the start of the machine has ended.
  await bootNote.write();
  const live = actors.filter(({ record }) => record.phase === 'running' || record.phase === 'restarting').length;
  return { adopted: live, ended: actors.length - live, quarantined: quarantined.length };
}

interface Resumed {
  readonly record: KernelRecord;
  readonly container: ListedContainer | null;
}

async function toResume(
  decision: RecoveryDecision,
  parts: AdoptionParts,
  signal: AbortSignal,
): Promise<Resumed | null> {
  const { scratch, clock, journal, log, invariantViolations } = parts;
  switch (decision.kind) {
    case 'resume':
      return decision;
    case 'restore': {
      const { container } = decision;
      const { kernelId: kernel } = container;
      const restored = await restoreRecord(container, scratch, clock.now());
      const record = restored ?? (await recordOfTraces(container, parts, signal));
      if (!record) return null;
      invariantViolations.count(restored ? 'restored-record' : 'unrecorded-kernel');
      if (restored) log.warn('the record of a running kernel was restored from its scratch folder', { kernel });
      else
        log.error('neither the record of a kernel nor its copy can be read: it is unrecorded, and used on', { kernel });
      await journal.write(record).catch((error: unknown) => log.error('the record could not be written', { error }));
      return { record, container };
    }
    case 'leave-to-sweep':
      return null;
  }
}

/** Null: its container has gone since it was listed. */
async function recordOfTraces(
  container: ListedContainer,
  { engine, scratch, devices, bridgeName: bridge, clock }: AdoptionParts,
  signal: AbortSignal,
): Promise<KernelRecord | null> {
  const detail = await engine.inspectContainer(container.containerId, signal);
  if (!detail) return null;
  const owner = await lstat(scratch.paths(container.kernelId).work).catch(() => null);
  const node = { bridge, slots: devices.known, accelerators: devices.accelerators() };
  return unrecordedRecord(
    { container, detail, owner: owner && { uid: owner.uid, gid: owner.gid }, ...node },
    clock.now(),
  );
}

/**
 * A lease that cannot be had again (two kernels claim one) is counted and logged, and both kernels are kept. That the engine fails
 * meanwhile says nothing of leases: what it was asked for is made sure of again and again.
 */
async function adoptLeases(
  record: KernelRecord,
  { plan, clock, log, invariantViolations, unheldLimits }: AdoptionParts,
): Promise<void> {
  for (const step of groupsOf(plan, 'kernel').flat()) {
    try {
      const options = { what: `taking over step ${step.name}`, timeoutMs: step.deadlineMs, clock };
      await withDeadline(options, async (deadline) => await step.adopt?.(record, deadline));
    } catch (error) {
      if (step.limits === true) unheldLimits.add(record, step, error);
      const fields = { kernel: record.spec.id, step: step.name, error };
      if (engineTroubles.has(toKerneletError(error).code)) {
        log.warn('what a kernel runs with could not be looked at; it is looked at again', fields);
      } else {
        invariantViolations.count('unadopted-lease');
        log.error('a lease could not be taken over', fields);
      }
    }
  }
}

/** What became of each container. One that is listed as alive is not asked for: there may be hundreds. */
async function observeAll(
  containers: readonly (ListedContainer | null)[],
  { engine, bootNote, onEngineRestart }: Pick<AdoptionParts, 'engine' | 'bootNote' | 'onEngineRestart'>,
  signal: AbortSignal,
): Promise<readonly ContainerObservation[]> {
  const bootedAt = await bootNote.rebootedAt();
  const details = await Promise.all(
    containers.map((one) =>
      one && !containerIsAlive(one.state) ? engine.inspectContainer(one.containerId, signal) : null,
    ),
  );
  const ended = details.filter((detail) => detail !== null);
  return await Promise.all(
    containers.map(async (one, index): Promise<ContainerObservation> => {
      if (one && containerIsAlive(one.state))
        return { type: 'alive', containerId: one.containerId, isPaused: one.state === 'paused' };
      const detail = details[index] ?? null;
      const ranUntil = detail && outlivedUntil(detail, ended);
      return await observationOf(engine, detail, { bootedAt, ranUntil, onEngineRestart }, signal);
    }),
  );
}

/** Waits, bounded, until no kernel of an earlier process is being cleaned up. */
async function settled(actors: readonly KernelActor[], clock: Clock, signal: AbortSignal): Promise<void> {
  const options = { what: 'the clean-up of kernels of an earlier process', timeoutMs: settleMs, clock, signal };
  await withDeadline(options, () => Promise.all(actors.map((actor) => actor.untilSettled()))).catch(() => {});
  signal.throwIfAborted();
}

/** What is done about one kernel of an earlier process. */
export type RecoveryDecision =
  /** It has a record: the reducer decides by its phase. The container is the record's own, if there is one. */
  | { readonly kind: 'resume'; readonly record: KernelRecord; readonly container: ListedContainer | null }
  /** Its record is lost, not its container: the copy in its scratch folder may stand in, else what is seen of it. */
  | { readonly kind: 'restore'; readonly container: ListedContainer }
  /** A container that nothing can be done for: the sweep removes it once it has seen it twice. */
  | { readonly kind: 'leave-to-sweep'; readonly container: ListedContainer };

/** One decision for each record, then one for each container that is no record's; `aside`: kernels whose record was put aside. Pure. */
export function decideRecovery(
  records: readonly KernelRecord[],
  containers: readonly ListedContainer[],
  aside: ReadonlySet<KernelId>,
): readonly RecoveryDecision[] {
  const known = new Set(records.map((record) => record.spec.id));
  const taken = new Set<ListedContainer>();
  const decisions: RecoveryDecision[] = records.map((record) => {
    const container = ownContainer(record, containers);
    if (container) taken.add(container);
    return { kind: 'resume', record, container };
  });
  const lost = latestOfLost(
    containers.filter(({ kernelId }) => !known.has(kernelId)),
    aside,
  );
  for (const container of containers) {
    if (taken.has(container)) continue;
    decisions.push({ kind: lost.has(container) ? 'restore' : 'leave-to-sweep', container });
  }
  return decisions;
}

/**
 * Of each kernel without a record one container that it may have had last: the latest that lives; of one whose record was put
 * aside also one that does not, since with it nobody would learn of the kernel's end.
 */
function latestOfLost(
  containers: readonly ListedContainer[],
  aside: ReadonlySet<KernelId>,
): ReadonlySet<ListedContainer> {
  const latest = new Map<KernelId, ListedContainer>();
  const isAlive = ({ state }: ListedContainer): boolean => containerIsAlive(state);
  for (const one of containers.filter((each) => isAlive(each) || aside.has(each.kernelId))) {
    const other = latest.get(one.kernelId);
    const isLater = !other || (isAlive(one) === isAlive(other) ? one.generation > other.generation : isAlive(one));
    if (isLater) latest.set(one.kernelId, one);
  }
  return new Set(latest.values());
}

/** The container of the record's own generation. An older one is a left-over of a restart. */
function ownContainer(record: KernelRecord, containers: readonly ListedContainer[]): ListedContainer | null {
  const own = containers.filter((one) => one.kernelId === record.spec.id && one.generation === record.generation);
  return own.find((one) => one.containerId === record.containerId) ?? own[0] ?? null;
}

/**
 * The record of a container whose journal is lost, from the copy in its scratch folder; null when that is lost too. The
 * copy precedes the container, which may have got other ports in the end.
 */
export async function restoreRecord(
  container: ListedContainer,
  scratch: ScratchFolders,
  now: number,
): Promise<KernelRecord | null> {
  try {
    const path = join(scratch.paths(container.kernelId).private, recordCopyName);
    const copy = decodeRecord(await readFile(path, 'utf8'));
    if (copy.spec.id !== container.kernelId || copy.generation !== container.generation) return null;
    const { containerId, placement } = container;
    const known = { placement: { ...copy.placement, ...placement }, readyAt: copy.readyAt ?? now };
    return { ...copy, ...known, phase: 'running', containerId };
  } catch {
    return null;
  }
}
