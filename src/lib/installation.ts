/** This program as it is installed: its version, and its files besides the code (image recipes, helper programs, the runner). */

import { existsSync } from 'node:fs';
import path from 'node:path';
import description from '../../package.json' with { type: 'json' };
import { KerneletError } from './errors.ts';

/** A folder that the installation has at its top. */
const marker = path.join('images', 'python', 'Dockerfile');
const levelsToLookUp = 4;

/** The top folder of the installation, looked for upwards from `from`. Throws INTERNAL when it is incomplete. */
export function installationRoot(from: string = import.meta.dirname): string {
  let folder = from;
  for (let level = 0; level < levelsToLookUp; level += 1) {
    if (existsSync(path.join(folder, marker))) return folder;
    folder = path.dirname(folder);
  }
  throw new KerneletError('INTERNAL', `the folder images/ is missing above ${from}: install kernelet again`);
}

/** The file of a program or module that runs in a process of its own, by its path in the source: `devices/nvml-module`. */
export const programFile = (sourcePath: string): string =>
  import.meta.filename.endsWith('.ts')
    ? path.join(import.meta.dirname, '..', `${sourcePath}.ts`)
    : path.join(installationRoot(), 'dist', 'programs', `${path.basename(sourcePath)}.js`);

/** In the form `MAJOR.MINOR.PATCH`, as in the package. */
export const version: string = description.version;
