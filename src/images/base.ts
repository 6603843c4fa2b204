/**
 * The base image that the recipes start from: the one that is there, else Debian's from its registry, else one made on
 * this machine from Debian's packages.
 */
import type { Engine, Progress } from '../engine/engine.ts';
import { hasCode, KerneletError } from '../lib/errors.ts';
import { importDebian } from './debian-packages.ts';
import { pullImage } from './pull.ts';
import { parseImageReference } from './reference.ts';

/** What recipes are built from. */
export const baseReference = 'kernelet/base:latest';
/** Debian 12's own image. */
export const debianReference = 'debian:bookworm-slim';

/** The two ways to get Debian that reach outside; tests give others. */
export interface BaseSources {
  readonly pull: (engine: Engine, onProgress: (progress: Progress) => void, signal: AbortSignal) => Promise<void>;
  readonly make: (engine: Engine, onProgress: (progress: Progress) => void, signal: AbortSignal) => Promise<void>;
}

const defaultSources: BaseSources = {
  pull: async (engine, onProgress, signal) => {
    await pullImage(engine, parseImageReference(debianReference), { onProgress }, signal);
  },
  make: async (engine, onProgress, signal) => await importDebian(engine, baseReference, onProgress, signal),
};

/**
 * Makes sure that the base image is there and returns its name. Throws NOT_SUPPORTED with one sentence on what to do
 * when it can be got in no way, IMAGE_BUILD_FAILED when making it fails.
 */
export async function ensureBaseImage(
  engine: Engine,
  onProgress: (progress: Progress) => void,
  signal: AbortSignal,
  sources: BaseSources = defaultSources,
): Promise<string> {
  if (await isThere(engine, baseReference, signal)) return baseReference;
  if (!(await isThere(engine, debianReference, signal))) {
    onProgress({ message: `pulling ${debianReference}, the base of the images` });
    try {
      await sources.pull(engine, onProgress, signal);
    } catch (error) {
      signal.throwIfAborted();
      if (!hasCode(error, 'IMAGE_PULL_FAILED', 'IMAGE_NOT_FOUND')) throw error;
      onProgress({ message: `${debianReference} cannot be pulled: making the base image from Debian packages` });
      await makeInstead(engine, onProgress, signal, sources, error);
      return baseReference;
    }
  }
  await engine.tagImage(debianReference, baseReference, signal);
  return baseReference;
}

async function makeInstead(
  engine: Engine,
  onProgress: (progress: Progress) => void,
  signal: AbortSignal,
  sources: BaseSources,
  pullError: KerneletError,
): Promise<void> {
  try {
    await sources.make(engine, onProgress, signal);
  } catch (error) {
    if (!hasCode(error, 'NOT_SUPPORTED')) throw error;
    const cure = `load any Debian 12 image and tag it ${baseReference}`;
    const why = pullError.message.split('\n', 1)[0] ?? '';
    throw new KerneletError('NOT_SUPPORTED', `there is no base image: ${why}; ${error.message}; or ${cure}`, {
      cause: pullError,
    });
  }
}

async function isThere(engine: Engine, reference: string, signal: AbortSignal): Promise<boolean> {
  try {
    await engine.inspectImage(reference, signal);
    return true;
  } catch (error) {
    if (hasCode(error, 'IMAGE_NOT_FOUND')) return false;
    throw error;
  }
}
