/** Where programs and modules with processes of their own lie: in the source, or built. */
import { basename, join } from 'node:path';
import { installationRoot } from '../installation.ts';

/** The file of a program, by its path in the source: `devices/nvml-module`. */
export const programFile = (path: string): string =>
  import.meta.filename.endsWith('.ts')
    ? join(import.meta.dirname, '..', '..', `${path}.ts`)
    : join(installationRoot(), 'dist', 'programs', `${basename(path)}.js`);
