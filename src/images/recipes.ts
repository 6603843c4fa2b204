/**
 * The images that this repository brings: one folder each in `images/`, with a `Dockerfile` that takes its base from
 * the build argument BASE. Adding an image is adding a folder.
 */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { KerneletError } from '../lib/errors.ts';
import { installationRoot } from '../lib/installation.ts';
import { didYouMean } from '../lib/nearest-name.ts';
import type { ImageReference } from './reference.ts';

/** A folder of `images/` that makes an image. */
export interface Recipe {
  readonly name: string;
  /** The folder that is the build's context. */
  readonly folder: string;
  /** The image that it makes: `kernelet/NAME:latest`. */
  readonly reference: string;
}

/** The label with the recipe's name. */
export const recipeLabel = 'ai.kernelet.recipe';
/** The label with the digest of the recipe's content when the image was built. */
export const recipeDigestLabel = 'ai.kernelet.recipe-digest';

const recipeName = /^[a-z0-9]+(?:-[a-z0-9]+)*$/;
const ownPath = /^kernelet\/([a-z0-9-]+)$/;

/** `images/` of this installation: beside the sources, and beside the bundle. Throws INTERNAL when it is missing. */
export function recipesFolder(): string {
  return path.join(installationRoot(), 'images');
}

/** The names of all recipes, sorted. */
export async function recipeNames(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  const names = entries.filter((entry) => entry.isDirectory() && recipeName.test(entry.name)).map(({ name }) => name);
  return names.filter((name) => existsSync(path.join(folder, name, 'Dockerfile'))).sort();
}

/** The recipe of a name. Throws INVALID_ARGUMENT, which lists the names, when there is none. */
export async function findRecipe(folder: string, name: string): Promise<Recipe> {
  const names = await recipeNames(folder);
  if (names.includes(name)) return { name, folder: path.join(folder, name), reference: recipeReference(name) };
  const shown = JSON.stringify(name.slice(0, 80));
  const hint = didYouMean(name, names);
  throw new KerneletError(
    'INVALID_ARGUMENT',
    `there is no image recipe ${shown}${hint}: the recipes are ${names.join(', ')}`,
  );
}

/** The image that a recipe makes. */
export function recipeReference(name: string): string {
  return `kernelet/${name}:latest`;
}

/** The name of the recipe that makes an image, if the image's name says so; it need not exist. */
export function recipeNameOf(reference: ImageReference): string | null {
  const { registry, path: repository, tag, digest } = reference;
  if (registry !== 'docker.io' || tag !== 'latest' || digest !== null) return null;
  return ownPath.exec(repository)?.[1] ?? null;
}

/** A digest of a recipe's files, names and contents, by which an image of an older recipe is known. */
export async function recipeDigest(recipe: Recipe): Promise<string> {
  const entries = await readdir(recipe.folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => path.join(entry.parentPath, entry.name));
  const hash = createHash('sha256');
  for (const file of files.sort()) {
    const content = await readFile(file);
    hash.update(`${path.relative(recipe.folder, file)}\0${content.byteLength}\0`).update(content);
  }
  return hash.digest('hex').slice(0, 16);
}
