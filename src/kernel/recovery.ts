/**
 * What to make of what an earlier process left: journal ∪ containers ∪ scratch, each optional (spec kernel-lifecycle
 * 16.3). The decisions are pure; `listOwnedContainers` gathers what they are made from.
 */

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ContainerState, Engine } from '../engine/engine.ts';
import type { ScratchFolders } from '../storage/scratch.ts';
import { containerIsAlive } from './container-end.ts';
import { type OwnedContainer, type Ownership, provenLabels } from './ownership.ts';
import { type LabelledPlacement, readPlacement } from './placement-labels.ts';
import type { KernelRecord } from './record.ts';
import { decodeRecord } from './record-codec.ts';
import { recordCopyName } from './steps/config-files.ts';

/** One of our containers with its state. */
export interface ListedContainer extends OwnedContainer {
  readonly state: ContainerState;
  /** What its labels say; null when they say nothing. */
  readonly placement: LabelledPlacement | null;
}

/** What is done about one kernel of an earlier process. */
export type RecoveryDecision =
  /** It has a record: the reducer decides by its phase. The container is the record's own, if there is one. */
  | { readonly kind: 'resume'; readonly record: KernelRecord; readonly container: ListedContainer | null }
  /** Its record is lost but its container lives: the copy in its scratch folder may stand in. */
  | { readonly kind: 'restore'; readonly container: ListedContainer }
  /** A container that nothing can be done for: the sweep removes it once it has seen it twice. */
  | { readonly kind: 'leave-to-sweep'; readonly container: ListedContainer };

/** Decides. Pure. */
export function decideRecovery(
  records: readonly KernelRecord[],
  containers: readonly ListedContainer[],
): readonly RecoveryDecision[] {
  const known = new Set(records.map((record) => record.spec.id));
  const taken = new Set<ListedContainer>();
  const decisions: RecoveryDecision[] = records.map((record) => {
    const container = ownContainer(record, containers);
    if (container) taken.add(container);
    return { kind: 'resume', record, container };
  });
  for (const container of containers) {
    if (taken.has(container)) continue;
    const lost = !known.has(container.kernelId) && containerIsAlive(container.state);
    decisions.push({ kind: lost ? 'restore' : 'leave-to-sweep', container });
  }
  return decisions;
}

/** The container of the record's own generation. An older one is a left-over of a restart. */
function ownContainer(record: KernelRecord, containers: readonly ListedContainer[]): ListedContainer | null {
  const own = containers.filter((one) => one.kernelId === record.spec.id && one.generation === record.generation);
  return own.find((one) => one.containerId === record.containerId) ?? own[0] ?? null;
}

/** Every container of this engine that is provably ours. Throws ENGINE_UNAVAILABLE. */
export async function listOwnedContainers(
  engine: Engine,
  ownership: Ownership,
  signal: AbortSignal,
): Promise<readonly ListedContainer[]> {
  const found = await engine.listContainers(provenLabels, signal);
  return found.flatMap((summary) => {
    const owned = ownership.identify(summary);
    return owned ? [{ ...owned, state: summary.state, placement: readPlacement(summary.labels) }] : [];
  });
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
