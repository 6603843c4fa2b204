/** Scheme: MIT/GNU Scheme, or Guile where that is what the image has. */
import { basename } from 'node:path';
import { interpretedRuntime } from './interpreted.ts';

/**
 * An error ends the program with 14, MIT Scheme's own status for one, and does not wait for a person in its debugger. After an
 * interrupt it goes on with the next option: status 2, since it has none above 99.
 */
const loadOrExit = (file: string): string => `(with-exception-handler
  (lambda (e)
    (fresh-line)
    (write-string (string-append ";" (if (condition? e) (condition/report-string e) (write-to-string e)) "\\n"))
    (exit 14))
  (lambda ()
    (parameterize ((param:suppress-loading-message? #t))
      (load "${file.replaceAll(/["\\]/g, '\\$&')}"))
    (exit 0)))`;

const mitCommand = (scheme: string, file: string, args: readonly string[]): readonly string[] => [
  ...[scheme, '--quiet', '--batch-mode', '--eval', loadOrExit(file), '--eval', '(exit 2)'],
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
