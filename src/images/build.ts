/**
 * Building the images of recipes, and the base image that they start from: the one that is there, else Debian's from its
 * registry, else one made on this machine from Debian's packages.
 */
import type { Engine, EngineImage, Progress } from '../engine/engine.ts';
import { withDeadline } from '../lib/deadline.ts';
import { hasCode, KerneletError } from '../lib/errors.ts';
import { SingleFlight } from '../lib/single-flight.ts';
import { packFolder } from '../lib/tar.ts';
import { importDebian } from './debian-packages.ts';
import { pullImage } from './pull.ts';
import { type Recipe, recipeDigest, recipeDigestLabel, recipeLabel } from './recipes.ts';
import { parseImageReference } from './reference.ts';

/** A build may fetch a few hundred megabytes of packages over a slow line. */
const buildTimeoutMs = 30 * 60_000;

const maxLine = 120;

/** What is worth showing of a builder's line, on one short line; null for its bookkeeping. */
export function describeBuildLine(line: string): string | null {
  const text = line.replaceAll(/\s+/g, ' ').trim();
  if (text === '' || text.startsWith('--->') || text.startsWith('Removing intermediate container')) return null;
  return text.length > maxLine ? `${text.slice(0, maxLine - 1)}…` : text;
}

/** Makes images of recipes: each at most once at a time in this process, and the base image too. */
export class RecipeBuilder {
  readonly #engine: Engine;
  readonly #bases = new SingleFlight<string, Progress>();
  readonly #builds = new SingleFlight<EngineImage, Progress>();

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /**
   * Makes the image of a recipe, and the base image first when it is missing; joins a build that is going on. Throws
   * IMAGE_BUILD_FAILED with the build's last lines, DEADLINE_EXCEEDED, or what `ensureBaseImage` throws.
   */
  build(recipe: Recipe, onProgress: (progress: Progress) => void, signal: AbortSignal): Promise<EngineImage> {
    const start = (publish: (progress: Progress) => void, stop: AbortSignal) => this.#build(recipe, publish, stop);
    return this.#builds.join(recipe.name, start, signal, onProgress);
  }

  async #build(recipe: Recipe, onProgress: (progress: Progress) => void, signal: AbortSignal): Promise<EngineImage> {
    const engine = this.#engine;
    const base = await this.#bases.join(
      baseReference,
      (publish, stop) => ensureBaseImage(engine, publish, stop),
      signal,
      onProgress,
    );
    onProgress({ message: `building ${recipe.reference}` });
    const labels = { [recipeLabel]: recipe.name, [recipeDigestLabel]: await recipeDigest(recipe) };
    const what = `building ${recipe.reference}`;
    await withDeadline({ what, timeoutMs: buildTimeoutMs, signal }, async (deadline) => {
      const context = packFolder(recipe.folder, { owner: { uid: 0, gid: 0 } });
      const publish = (progress: Progress): void => {
        const shown = describeBuildLine(progress.message);
        if (shown !== null) onProgress({ ...progress, message: shown });
      };
      const options = { reference: recipe.reference, buildArguments: { BASE: base }, labels, onProgress: publish };
      await engine.buildImage(context, options, deadline.signal);
    });
    return await engine.inspectImage(recipe.reference, signal);
  }
}

/** What recipes are built from. */
export const baseReference = 'kernelet/base:latest';
/** Debian 12's own image, which is tagged as the base where it is there or can be pulled. */
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
