/** Building the images of recipes. */
import type { Engine, EngineImage, Progress } from '../engine/engine.ts';
import { withDeadline } from '../lib/deadline.ts';
import { SingleFlight } from '../lib/single-flight.ts';
import { packFolder } from '../lib/tar.ts';
import { baseReference, ensureBaseImage } from './base.ts';
import { type Recipe, recipeDigest, recipeDigestLabel, recipeLabel } from './recipes.ts';

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
    const start = (tell: (progress: Progress) => void, stop: AbortSignal) => this.#build(recipe, tell, stop);
    return this.#builds.join(recipe.name, start, signal, onProgress);
  }

  async #build(recipe: Recipe, onProgress: (progress: Progress) => void, signal: AbortSignal): Promise<EngineImage> {
    const engine = this.#engine;
    const base = await this.#bases.join(
      baseReference,
      (tell, stop) => ensureBaseImage(engine, tell, stop),
      signal,
      onProgress,
    );
    onProgress({ message: `building ${recipe.reference}` });
    const labels = { [recipeLabel]: recipe.name, [recipeDigestLabel]: await recipeDigest(recipe) };
    const what = `building ${recipe.reference}`;
    await withDeadline({ what, timeoutMs: buildTimeoutMs, signal }, async (deadline) => {
      const context = packFolder(recipe.folder, { owner: { uid: 0, gid: 0 } });
      const tell = (progress: Progress): void => {
        const shown = describeBuildLine(progress.message);
        if (shown !== null) onProgress({ ...progress, message: shown });
      };
      const options = { reference: recipe.reference, buildArguments: { BASE: base }, labels, onProgress: tell };
      await engine.buildImage(context, options, deadline.signal);
    });
    return await engine.inspectImage(recipe.reference, signal);
  }
}
