/** The containers of an engine that are provably this agent's, with what their labels say of their placement. */
import type { ContainerState, Engine } from '../engine/engine.ts';
import { type OwnedContainer, type Ownership, provenLabels } from './ownership.ts';
import { type LabelledPlacement, readPlacement } from './placement-labels.ts';

/** One of our containers with its state. */
export interface ListedContainer extends OwnedContainer {
  readonly state: ContainerState;
  /** What its labels say; null when they say nothing. */
  readonly placement: LabelledPlacement | null;
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
