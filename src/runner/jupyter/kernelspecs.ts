/**
 * The kernelspecs of an image: what says how a Jupyter kernel is started (spec kernel-runner 9.1). They are found as Jupyter
 * finds them, with the tenant's ids, since the first places are in the home. The files are anybody's.
 */
import { closeSync, constants, fstatSync, openSync, readdirSync, readFileSync } from 'node:fs';
import { list, object, oneOf, otherwise, type Reader, readOrNull, such, table, text } from '../../lib/json-reader.ts';
import type { KernelChoice } from './kernel-choice.ts';

/** How a kernel is started and interrupted. */
export interface Kernelspec {
  /** The name of its folder in lower case, by which it is asked for. */
  readonly name: string;
  readonly folder: string;
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly language: string;
  /** `signal`: by SIGINT to its process group; `message`: by a request on its control channel. */
  readonly interruptMode: 'signal' | 'message';
}

const maxFolders = 256;
const maxFileBytes = 256 * 1024;
const maxItems = 256;
const maxText = 16 * 1024;

const word = such(text, (value) => value.length <= maxText && !value.includes('\0'), 'a text of some length');
const words = such(list(word), (value) => value.length > 0 && value.length <= maxItems, 'a list of some words');

const kernelFile: Reader<Omit<Kernelspec, 'name' | 'folder'>> = object((of) => ({
  argv: of('argv', words),
  env: of('env', otherwise(table(word), {})),
  language: of('language', otherwise(word, '')),
  interruptMode: of('interrupt_mode', otherwise(oneOf(['signal', 'message']), 'signal')),
}));

/** Reads the text of a `kernel.json`; null when it is none. */
export const parseKernelspec = (name: string, folder: string, json: string): Kernelspec | null => {
  const spec = readOrNull(kernelFile, json);
  return spec && { name: name.toLowerCase(), folder, ...spec };
};

/** All kernelspecs in these folders; of one name the first counts. */
export function readKernelspecs(folders: readonly string[]): readonly Kernelspec[] {
  const found = new Map<string, Kernelspec>();
  for (const folder of folders) {
    for (const name of namesIn(`${folder}/kernels`)) {
      const place = `${folder}/kernels/${name}`;
      const json = readBounded(`${place}/kernel.json`);
      const spec = json === null ? null : parseKernelspec(name, place, json);
      if (spec && !found.has(spec.name)) found.set(spec.name, spec);
    }
  }
  return [...found.values()];
}

/** The kernelspec that is wanted, or null. */
export function chooseKernelspec(specs: readonly Kernelspec[], choice: KernelChoice): Kernelspec | null {
  if ('name' in choice) return specs.find(({ name }) => name === choice.name.toLowerCase()) ?? null;
  const { language, nameHas } = choice;
  const ofLanguage = specs.find((spec) => spec.language.toLowerCase().replace(/[\d.]+$/, '') === language);
  return ofLanguage ?? specs.find(({ name }) => nameHas !== undefined && name.includes(nameHas)) ?? null;
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder).slice(0, maxFolders);
  } catch {
    return [];
  }
}

/** A pipe or a device in the place of the file holds nobody up, and a huge one fills nothing. */
function readBounded(path: string): string | null {
  let descriptor: number | null = null;
  try {
    descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const facts = fstatSync(descriptor);
    // What says that it is empty would be read to its end, wherever that is.
    return facts.isFile() && facts.size > 0 && facts.size <= maxFileBytes ? readFileSync(descriptor, 'utf8') : null;
  } catch {
    return null;
  } finally {
    if (descriptor !== null) closeSync(descriptor);
  }
}
