/** Whether an image that a manager names must be fetched first, by the manager's policy (spec kernel-lifecycle 2.7). */

import type { Agent } from '../../agent/agent.ts';
import { hasCode } from '../../lib/errors.ts';

/** An image as a manager names it. */
export interface NamedImage {
  readonly image: string;
  /** `digest`: pull when the image that is here has another id; `tag`: when none is here; `none`: never. */
  readonly pull: 'digest' | 'tag' | 'none';
  /** The id that it has in the registry. */
  readonly imageId: string;
}

/** Whether it must be pulled. Throws what the agent's `inspectImage` throws. */
export async function needsPull(
  agent: Pick<Agent, 'inspectImage'>,
  { image, pull, imageId }: NamedImage,
  signal: AbortSignal,
): Promise<boolean> {
  if (pull === 'none') return false;
  const here = await agent.inspectImage(image, signal).catch((error: unknown) => {
    if (hasCode(error, 'IMAGE_NOT_FOUND')) return null;
    throw error;
  });
  return here === null || (pull === 'digest' && here.id !== imageId);
}
