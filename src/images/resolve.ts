/** Which image, and which runtime in it, a request for a kernel means. */
import type { Engine, EngineImage, Progress, RegistryAuth } from '../engine/engine.ts';
import { hasCode, KerneletError } from '../lib/errors.ts';
import { didYouMean } from '../lib/nearest-name.ts';
import { SingleFlight } from '../lib/single-flight.ts';
import {
  defaultRuntimeType,
  languageNames,
  type RuntimeInfo,
  runtimeByLanguage,
  runtimeByType,
} from '../protocol/runtimes.ts';
import type { RecipeBuilder } from './build.ts';
import { type ImageContract, readImageContract } from './labels.ts';
import { pullImage } from './pull.ts';
import { findRecipe, type Recipe, recipeNameOf, recipeNames, recipeReference } from './recipes.ts';
import { type ImageReference, isImageId, parseImageReference } from './reference.ts';

/** When to ask a registry. */
export type PullPolicy = 'never' | 'missing' | 'always';

/** The image that a request names, or the language whose image it wants; with neither there is nothing to find. */
export interface ImageRequest {
  readonly reference: string | undefined;
  readonly language: string | undefined;
  readonly pull: PullPolicy;
  /** Credentials for the image's registry. */
  readonly auth?: RegistryAuth | undefined;
}

/** An image that is on this machine and can be used. */
export interface FoundImage {
  readonly image: EngineImage;
  /** To show and to record; the image's id may be under another name tomorrow. */
  readonly reference: string;
  readonly runtime: { readonly type: string; readonly path: string | null };
  readonly contract: ImageContract;
  /** What the caller should know: labels that were ignored. */
  readonly warnings: readonly string[];
}

type OnProgress = (progress: Progress) => void;

/** The runtime of an image without labels: every image has, or gets from the runner, a shell. */
const unlabelledRuntimeType = 'shell';
const maxWarnings = 10;
const shortId = /^[0-9a-f]{4,63}$/;

/** Finds images. One for the life of an agent: pulls and builds are shared, the engine's facts remembered. */
export class ImageResolver {
  readonly #engine: Engine;
  readonly #builder: RecipeBuilder;
  readonly #recipesFolder: string;
  readonly #pulls = new SingleFlight<EngineImage, Progress>();
  #architecture: string | undefined;

  constructor(engine: Engine, builder: RecipeBuilder, recipesFolder: string) {
    this.#engine = engine;
    this.#builder = builder;
    this.#recipesFolder = recipesFolder;
  }

  /**
   * The image of a request; pulled or built when it must be. Throws INVALID_ARGUMENT for a name that can't be one,
   * IMAGE_NOT_FOUND, IMAGE_PULL_FAILED within 15 s when the registry is silent, IMAGE_UNUSABLE, NOT_SUPPORTED for a
   * language without an image of ours, and what building throws.
   */
  async find(request: ImageRequest, onProgress: OnProgress, signal: AbortSignal): Promise<FoundImage> {
    const language = request.language === undefined ? null : knownLanguage(request.language);
    const { image, reference } = await this.#image(request, language, onProgress, signal);
    this.#architecture ??= (await this.#engine.info(signal)).architecture;
    checkUsable(image, reference, this.#architecture);
    const contract = readImageContract(image.labels);
    const warnings = contract.problems.slice(0, maxWarnings).map((entry) => `label ${entry.label} ${entry.problem}`);
    return { image, reference, runtime: chooseRuntime(contract, language), contract, warnings };
  }

  /** Pulls an image, whether it is here or not; joins a pull that is going on. */
  pull(
    reference: ImageReference,
    onProgress: OnProgress,
    signal: AbortSignal,
    auth?: RegistryAuth,
  ): Promise<EngineImage> {
    const start = (publish: OnProgress, stop: AbortSignal): Promise<EngineImage> =>
      pullImage(this.#engine, reference, { onProgress: publish, auth }, stop);
    return this.#pulls.join(reference.canonical, start, signal, onProgress);
  }

  /** The image of a name or id that is on this machine, or null. */
  async local(text: string, signal: AbortSignal): Promise<EngineImage | null> {
    const names = isImageId(text)
      ? [text]
      : [parseImageReference(text).familiar, ...(shortId.test(text) ? [text] : [])];
    for (const name of names) {
      try {
        return await this.#engine.inspectImage(name, signal);
      } catch (error) {
        if (!hasCode(error, 'IMAGE_NOT_FOUND')) throw error;
      }
    }
    return null;
  }

  async #image(
    request: ImageRequest,
    language: RuntimeInfo | null,
    onProgress: OnProgress,
    signal: AbortSignal,
  ): Promise<{ image: EngineImage; reference: string }> {
    const text = request.reference ?? recipeImageOf(language);
    const found = request.pull === 'always' ? null : await this.local(text, signal);
    if (isImageId(text)) {
      const image = found ?? (await this.local(text, signal));
      if (image) return { image, reference: text };
      throw notFound(text, 'an id can only name an image that is here');
    }
    const reference = parseImageReference(text);
    if (found) return { image: found, reference: reference.familiar };
    const recipe = await this.recipeOf(reference);
    if (request.pull === 'never') {
      const cure = recipe
        ? `build it with "kernelet image build ${recipe.name}"`
        : 'pulling it is forbidden (--pull never)';
      throw notFound(reference.familiar, cure);
    }
    const image = recipe
      ? ((await this.local(text, signal)) ?? (await this.#builder.build(recipe, onProgress, signal)))
      : await this.pull(reference, onProgress, signal, request.auth);
    return { image, reference: reference.familiar };
  }

  /** The recipe that makes an image. Such an image is never pulled: in a public registry, the name is anybody's. */
  async recipeOf(reference: ImageReference): Promise<Recipe | null> {
    const name = recipeNameOf(reference);
    if (name === null || !(await recipeNames(this.#recipesFolder)).includes(name)) return null;
    return await findRecipe(this.#recipesFolder, name);
  }
}

/** The language that a name means. Throws INVALID_ARGUMENT. */
export function knownLanguage(name: string): RuntimeInfo {
  const known = runtimeByLanguage(name) ?? runtimeByType(name);
  if (known) return known;
  const shown = JSON.stringify(name.slice(0, 80));
  const hint = didYouMean(name, languageNames());
  throw new KerneletError(
    'INVALID_ARGUMENT',
    `language ${shown} is not known${hint}: the languages are ${languageNames().join(', ')}`,
  );
}

function recipeImageOf(language: RuntimeInfo | null): string {
  if (language === null) {
    throw new KerneletError('INVALID_ARGUMENT', 'neither an image nor a language is named: give --image or --lang');
  }
  if (language.recipe !== null) return recipeReference(language.recipe);
  throw new KerneletError(
    'NOT_SUPPORTED',
    `no recipe here makes an image with ${language.title}: name one with --image`,
  );
}

/** The label's path is that of the label's language only. */
function chooseRuntime(contract: ImageContract, language: RuntimeInfo | null): FoundImage['runtime'] {
  const labelled = contract.runtimeType ?? (contract.labelled ? defaultRuntimeType : unlabelledRuntimeType);
  const type = language?.type ?? labelled;
  return { type, path: type === labelled ? contract.runtimePath : null };
}

function notFound(reference: string, why: string): KerneletError {
  return new KerneletError('IMAGE_NOT_FOUND', `image ${reference} is not on this machine: ${why}`, {
    context: { image: reference },
  });
}

/** Names that machines give themselves (`uname -m`) and the names that images have for them. */
const imageArchitectures: Readonly<Record<string, string>> = {
  x86_64: 'amd64',
  aarch64: 'arm64',
  armv7l: 'arm',
  armv6l: 'arm',
  i686: '386',
  i386: '386',
};

/** Architectures that run others' programs as their own. */
const alsoRuns: Readonly<Record<string, readonly string[]>> = { amd64: ['386'] };

/**
 * Throws IMAGE_UNUSABLE, which names both sides, when the image is for another operating system or processor than the
 * engine's. What an image doesn't say is taken to fit.
 */
export function checkUsable(image: EngineImage, reference: string, engineArchitecture: string): void {
  const own = imageArchitectures[engineArchitecture] ?? engineArchitecture;
  const unusable = (what: string): KerneletError =>
    new KerneletError('IMAGE_UNUSABLE', `image ${reference} is for ${what}: this machine runs linux/${own}`, {
      context: { image: reference, imageArchitecture: image.architecture, engineArchitecture: own },
    });
  const os = image.os.slice(0, 40);
  const architecture = image.architecture.slice(0, 40);
  if (os !== '' && os !== 'linux') throw unusable(`${os}/${architecture}`);
  if (architecture === '' || architecture === own || alsoRuns[own]?.includes(architecture)) return;
  throw unusable(`linux/${architecture}`);
}
