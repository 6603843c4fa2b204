/** Building the image of a recipe. */
import type { Engine, EngineImage, Progress } from '../engine/engine.ts';
import { withDeadline } from '../lib/deadline.ts';
import { packFolder } from '../lib/tar.ts';
import { ensureBaseImage } from './base.ts';
import { type Recipe, recipeDigest, recipeDigestLabel, recipeLabel } from './recipes.ts';

/** A build may fetch a few hundred megabytes of packages over a slow line. */
const buildTimeoutMs = 30 * 60_000;

/**
 * Makes the image of a recipe, and the base image first when it is missing. Throws IMAGE_BUILD_FAILED with the build's
 * last lines, DEADLINE_EXCEEDED, or what `ensureBaseImage` throws.
 */
export async function buildRecipe(
  engine: Engine,
  recipe: Recipe,
  onProgress: (progress: Progress) => void,
  signal: AbortSignal,
): Promise<EngineImage> {
  const base = await ensureBaseImage(engine, onProgress, signal);
  onProgress({ message: `building ${recipe.reference}` });
  const labels = { [recipeLabel]: recipe.name, [recipeDigestLabel]: await recipeDigest(recipe) };
  await withDeadline({ what: `building ${recipe.reference}`, timeoutMs: buildTimeoutMs, signal }, async (deadline) => {
    const context = packFolder(recipe.folder, { owner: { uid: 0, gid: 0 } });
    const options = { reference: recipe.reference, buildArguments: { BASE: base }, labels, onProgress };
    await engine.buildImage(context, options, deadline.signal);
  });
  return await engine.inspectImage(recipe.reference, signal);
}
