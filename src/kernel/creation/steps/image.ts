/** Makes sure that the kernel's image is still the one it was asked for with, before anything is built on it. */
import type { Engine } from '../../../engine/engine.ts';
import type { CreationStep } from '../step.ts';

/** Changes nothing: it ends a creation early whose image is gone. Throws IMAGE_NOT_FOUND. */
export function imageStep(engine: Engine): CreationStep {
  return {
    name: 'image',
    scope: 'kernel',
    deadlineMs: 30_000,
    async apply(record, deadline) {
      await engine.inspectImage(record.spec.image.id, deadline.signal);
      return {};
    },
    // An image is not the kernel's: nothing was made.
    async revert() {},
  };
}
