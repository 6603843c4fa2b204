/** Where programs and workers of this folder lie: beside their source, or built. */
import { join } from 'node:path';
import { installationRoot } from '../lib/installation.ts';

/** The file of a program of this folder. */
export const deviceProgram = (name: string): string =>
  import.meta.filename.endsWith('.ts')
    ? join(import.meta.dirname, `${name}.ts`)
    : join(installationRoot(), 'dist', 'devices', `${name}.js`);
