/**
 * Images about Git: their terminal is the shell, and queries are the few commands that clients of the terminal send
 * (spec kernel-runner 16.4), answered by `drivers/git_driver.cjs`.
 */
import type { Runtime } from '../runtime.ts';
import { unable } from './plan.ts';
import { shell } from './shell.ts';
import { volumeDriver } from './volume-driver.ts';

const notForBatches = 'an image of the runtime type git has nothing of its own to build or run: give a command';

/** Programs are shell scripts; a batch has to say what it runs. */
export const git = {
  ...shell,
  type: 'git',
  build: () => unable(notForBatches),
  exec: () => unable(notForBatches),
  query: { by: 'driver', start: (context) => volumeDriver(context, 'git_driver.cjs', [context.which('git') ?? '']) },
} as const satisfies Runtime;
