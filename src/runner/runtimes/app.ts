/**
 * The runtime of images that name none, or a type that nobody knows (spec kernel-runner 2.5): any image with a shell
 * runs code, and a build or exec that says `*` warns and succeeds, since there is nothing that it could mean.
 */
import type { Runtime } from '../runtime.ts';
import { nothing } from './plan.ts';
import { shell } from './shell.ts';

/** Shell semantics without a build or a program of its own. */
export const app = {
  ...shell,
  type: 'app',
  build: () => nothing('kernelet: this image has no way of its own to build; give a build command'),
  exec: () => nothing('kernelet: this image has no program of its own to run; give a command'),
} as const satisfies Runtime;
