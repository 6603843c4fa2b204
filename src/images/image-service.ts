/** Everything that can be done with images, over one engine: what the agent asks for. */
import type { Engine, EngineImage, ImageRemoval, Progress, RegistryAuth } from '../engine/engine.ts';
import { KerneletError } from '../lib/errors.ts';
import { RecipeBuilder } from './build.ts';
import { findRecipe, recipeDigest, recipeNameOf, recipeNames, recipesFolder } from './recipes.ts';
import { isImageId, parseImageReference } from './reference.ts';
import { type FoundImage, ImageResolver, type ImageWish } from './resolve.ts';
import { type ImageView, imageView, imageViews, type RecipeDigests } from './views.ts';

type OnProgress = (progress: Progress) => void;

/** The images of an engine, and the recipes of this installation. */
export class EngineImageService {
  readonly #engine: Engine;
  readonly #folder: string;
  readonly #beforeRemoval: () => Promise<void>;
  readonly #builder: RecipeBuilder;
  readonly #resolver: ImageResolver;

  /**
   * `folder`: where the recipes are; this installation's by default. `beforeRemoval`: lets go of what idle things hold
   * of images.
   */
  constructor(engine: Engine, folder: string = recipesFolder(), beforeRemoval: () => Promise<void> = async () => {}) {
    this.#engine = engine;
    this.#folder = folder;
    this.#beforeRemoval = beforeRemoval;
    this.#builder = new RecipeBuilder(engine);
    this.#resolver = new ImageResolver(engine, this.#builder, folder);
  }

  /** The image and runtime that a request means; see `ImageResolver.find`. */
  find(wish: ImageWish, onProgress: OnProgress, signal: AbortSignal): Promise<FoundImage> {
    return this.#resolver.find(wish, onProgress, signal);
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
