/** Everything that can be done with images, over one engine: what the agent asks for. */
import type { Engine, EngineImage, ImageRemoval, Progress, RegistryAuth } from '../engine/engine.ts';
import { KerneletError } from '../lib/errors.ts';
import { defaultRuntimeType } from '../protocol/runtimes.ts';
import { RecipeBuilder } from './build.ts';
import { type LabelProblem, readImageContract } from './labels.ts';
import {
  findRecipe,
  recipeDigest,
  recipeDigestLabel,
  recipeLabel,
  recipeNameOf,
  recipeNames,
  recipesFolder,
} from './recipes.ts';
import { isImageId, parseImageReference } from './reference.ts';
import { type FoundImage, type ImageRequest, ImageResolver } from './resolve.ts';

type OnProgress = (progress: Progress) => void;

/** The images of an engine, and the recipes of this installation. */
export class ImageService {
  readonly #engine: Engine;
  readonly #folder: string;
  readonly #beforeRemoval: () => Promise<void>;
  readonly #builder: RecipeBuilder;
  readonly #resolver: ImageResolver;

  /**
   * `folder`: where the recipes are; this installation's by default. `beforeRemoval`: removes what is idle and
   * holds images.
   */
  constructor(engine: Engine, folder: string = recipesFolder(), beforeRemoval: () => Promise<void> = async () => {}) {
    this.#engine = engine;
    this.#folder = folder;
    this.#beforeRemoval = beforeRemoval;
    this.#builder = new RecipeBuilder(engine);
    this.#resolver = new ImageResolver(engine, this.#builder, folder);
  }

  /** The image and runtime that a request means; see `ImageResolver.find`. */
  find(request: ImageRequest, onProgress: OnProgress, signal: AbortSignal): Promise<FoundImage> {
    return this.#resolver.find(request, onProgress, signal);
  }

  /** All images that have a name, one entry a name. */
  async list(signal: AbortSignal): Promise<readonly ImageView[]> {
    const [images, digests] = await Promise.all([this.#engine.listImages(signal), this.#digests()]);
    return imageViews(images, digests);
  }

  /** One image by name or id. Throws IMAGE_NOT_FOUND, INVALID_ARGUMENT. */
  async inspect(reference: string, signal: AbortSignal): Promise<ImageView> {
    return await this.#view(await this.#local(reference, signal), reference);
  }

  /** Makes the image of a recipe, anew when it is here. Throws INVALID_ARGUMENT for a name that is no recipe's. */
  async build(name: string, onProgress: OnProgress, signal: AbortSignal): Promise<ImageView> {
    const recipe = await findRecipe(this.#folder, recipeNameOfText(name) ?? name);
    return await this.#view(await this.#builder.build(recipe, onProgress, signal), recipe.reference);
  }

  /** Pulls an image, whether it is here or not. Throws IMAGE_PULL_FAILED, INVALID_ARGUMENT. */
  async pull(text: string, onProgress: OnProgress, signal: AbortSignal, auth?: RegistryAuth): Promise<ImageView> {
    const reference = parseImageReference(text);
    const recipe = await this.#resolver.recipeOf(reference);
    if (recipe) {
      const message = `image ${reference.familiar} is made on this machine, not pulled: "kernelet image build ${recipe.name}"`;
      throw new KerneletError('INVALID_ARGUMENT', message);
    }
    return await this.#view(await this.#resolver.pull(reference, onProgress, signal, auth), reference.familiar);
  }

  /** Takes a name away, and the image with its last name. Throws IMAGE_NOT_FOUND; ENGINE_FAILED when it is in use. */
  async remove(reference: string, options: ImageRemoval, signal: AbortSignal): Promise<void> {
    const image = await this.#local(reference, signal);
    const name = shownName(image, reference);
    await this.#beforeRemoval();
    await this.#engine.removeImage(name, options, signal);
  }

  async #local(reference: string, signal: AbortSignal): Promise<EngineImage> {
    const image = await this.#resolver.local(reference, signal);
    if (image) return image;
    const shown = isImageId(reference) ? reference : parseImageReference(reference).familiar;
    throw new KerneletError('IMAGE_NOT_FOUND', `image ${shown} is not on this machine`, { context: { image: shown } });
  }

  async #view(image: EngineImage, asked: string): Promise<ImageView> {
    return imageView(image, shownName(image, asked), await this.#digests());
  }

  async #digests(): Promise<RecipeDigests> {
    const names = await recipeNames(this.#folder);
    const recipes = await Promise.all(names.map((name) => findRecipe(this.#folder, name)));
    return new Map(
      await Promise.all(recipes.map(async (recipe) => [recipe.name, await recipeDigest(recipe)] as const)),
    );
  }
}

/** The name that was asked for, when the image has it; else (it was asked for by id) its id. */
function shownName(image: EngineImage, asked: string): string {
  if (isImageId(asked)) return image.id;
  const { familiar, digest } = parseImageReference(asked);
  return digest !== null || image.references.includes(familiar) ? familiar : image.id;
}

/** `kernelet/python` as well as `python` names the recipe. */
function recipeNameOfText(text: string): string | null {
  return text.startsWith('kernelet/') ? recipeNameOf(parseImageReference(text)) : null;
}

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
