/** Scheme: MIT/GNU Scheme, or Guile where that is what the image has. */
import { basename } from 'node:path';
import { interpretedRuntime } from './interpreted.ts';

/** An error ends the program, as it does a file's in other languages, and is not the beginning of a debugger's session. */
const mitCommand = (scheme: string, file: string, args: readonly string[]): readonly string[] => [
  ...[scheme, '--quiet', '--batch-mode', '--load', file, '--eval', '(exit 0)'],
  ...(args.length > 0 ? ['--args', ...args] : []),
];

const guileCommand = (guile: string, file: string, args: readonly string[]): readonly string[] => [
  ...[guile, '--no-auto-compile', '-s', file],
  ...args,
];

/** Scheme programs, with Makefile and main.scm as batch steps. */
export const scheme = interpretedRuntime({
  type: 'scheme',
  title: 'Scheme',
  tools: ['mit-scheme', 'scheme', 'guile', 'guile-3.0'],
  suffix: '.scm',
  command: (tool, file, args) => (basename(tool).startsWith('guile') ? guileCommand : mitCommand)(tool, file, args),
});
