/** Octave, which runs MATLAB's language; without its window and the history, of which version 7 complains at its end. */
import { interpretedRuntime } from './interpreted.ts';

/** Octave programs, with Makefile and main.m as batch steps. */
export const octave = interpretedRuntime({
  type: 'octave',
  title: 'Octave',
  tools: ['octave-cli', 'octave'],
  suffix: '.m',
  command: (octave, file, args) => [octave, '--no-gui', '--no-history', '--quiet', file, ...args],
});
