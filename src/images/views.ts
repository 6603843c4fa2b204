/** Images as callers see them: one entry for each name, with what is wrong with the labels. */
import type { EngineImage } from '../engine/engine.ts';
import { defaultRuntimeType } from '../protocol/runtimes.ts';
import { type LabelProblem, readImageContract } from './labels.ts';
import { recipeDigestLabel, recipeLabel } from './recipes.ts';

/** An image as callers see it, with what is wrong with its labels. */
export interface ImageView {
  readonly reference: string;
  readonly id: string;
  readonly architecture: string;
  readonly sizeBytes: number;
  readonly createdAt: string;
  readonly runtime: string;
  /** Whether the image carries kernel labels at all. */
  readonly labelled: boolean;
  readonly labels: Readonly<Record<string, string>>;
  readonly problems: readonly LabelProblem[];
}

/** Digests of the recipes as they are now, by name. */
export type RecipeDigests = ReadonlyMap<string, string>;

/** The view of an image under one of its names. */
export function imageView(image: EngineImage, reference: string, digests: RecipeDigests): ImageView {
  const contract = readImageContract(image.labels);
  return {
    reference,
    id: image.id,
    architecture: image.architecture,
    sizeBytes: image.sizeBytes,
    createdAt: image.createdAt,
    runtime: contract.runtimeType ?? (contract.labelled ? defaultRuntimeType : 'shell'),
    labelled: contract.labelled,
    labels: image.labels,
    problems: [...contract.problems, ...recipeProblems(image, digests)],
  };
}

/** The views of all images that have a name, sorted by it. */
export function imageViews(images: readonly EngineImage[], digests: RecipeDigests): readonly ImageView[] {
  const views = images.flatMap((image) => image.references.map((reference) => imageView(image, reference, digests)));
  return views.sort((left, right) => (left.reference < right.reference ? -1 : 1));
}

/** An image that one of our recipes made before the recipe was changed. */
function recipeProblems(image: EngineImage, digests: RecipeDigests): readonly LabelProblem[] {
  const name = image.labels[recipeLabel];
  const built = image.labels[recipeDigestLabel];
  const current = name === undefined ? undefined : digests.get(name);
  if (name === undefined || built === undefined || current === undefined || built === current) return [];
  return [{ label: recipeDigestLabel, problem: `is of an older recipe: "kernelet image build ${name}" makes it anew` }];
}
