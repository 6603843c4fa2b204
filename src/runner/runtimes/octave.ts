/** Octave, which runs MATLAB's language; without its window. */
import { interpretedRuntime } from './interpreted.ts';

/** Octave programs, with Makefile and main.m as batch steps. */
export const octave = interpretedRuntime({
  type: 'octave',
  title: 'Octave',
  tools: ['octave-cli', 'octave'],
  suffix: '.m',
  command: (octave, file, args) => [octave, '--no-gui', '--quiet', file, ...args],
});
