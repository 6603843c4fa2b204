/** Which Jupyter kernel is wanted, and where kernelspecs may be. Pure. */
import { dirname, posix } from 'node:path';
import type { FromDriver } from '../driver-protocol.ts';

/** A kernel by its name, or the first that serves a language. */
export type KernelChoice =
  | { readonly name: string }
  /** The first of this language (lower-case, without a version), else the first with this part in its name. */
  | { readonly language: string; readonly nameHas?: string };

/**
 * The folders that may hold `kernels/`, first those that count first. `prefixes`: where languages are installed, such as
 * `/opt/conda`, besides those of everything that is on PATH.
 */
export function dataFolders(environ: NodeJS.ProcessEnv, prefixes: readonly string[]): readonly string[] {
  const { JUPYTER_PATH = '', JUPYTER_DATA_DIR, XDG_DATA_HOME, HOME = '', PATH = '' } = environ;
  const onPath = PATH.split(':').filter((folder) => posix.basename(folder) === 'bin');
  const folders = [
    ...JUPYTER_PATH.split(':'),
    JUPYTER_DATA_DIR || `${XDG_DATA_HOME || `${HOME}/.local/share`}/jupyter`,
    ...[...prefixes, ...onPath.map((folder) => dirname(folder))].map((prefix) => posix.join(prefix, 'share/jupyter')),
    '/usr/local/share/jupyter',
    '/usr/share/jupyter',
  ];
  return [...new Set(folders.filter((folder) => folder.startsWith('/')))];
}

/**
 * What a driver says in the place of `ready` where the image has other kernels or none. Whoever wants a certain one is told; for a
 * language there are other ways than a kernel.
 */
export function noKernel(choice: KernelChoice, names: readonly string[]): Extract<FromDriver, { ev: 'unable' }> {
  const isMissing = !('name' in choice);
  const wanted = isMissing ? `kernel of ${choice.language}` : `kernel ${JSON.stringify(choice.name)}`;
  const there = names.length === 0 ? 'it has none' : `it has ${names.slice(0, 20).join(', ')}`;
  return { ev: 'unable', isMissing, reason: `this image has no Jupyter ${wanted}; ${there}` };
}
