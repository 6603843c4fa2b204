/** Texts of help that commander does not make. */
import type { Example } from './command.ts';

/** What stands below the list of commands. */
export const rootHelp = `
Start here:
  kernelet run hello.py                 run a file in a fresh container, once
  kernelet run -c 'print(6 * 7)'        the same for a piece of code
  kernelet serve                        the daemon, for kernels that stay
  kernelet create --lang python         a kernel; prints its id
  kernelet exec ID -c 'x = 1'           state is kept between calls

\`kernelet COMMAND --help\` explains a command. Exit status: the program's own; 128 + n after signal n; 137 after a
time or memory limit; 125 when kernelet itself failed; 2 for a wrong command line.
`;

/** The examples of a command. */
export function examplesText(examples: readonly Example[]): string {
  const lines = examples.map(({ command, what }) => `  # ${what}\n  ${command}\n`);
  return lines.length === 0 ? '' : `\nExamples:\n${lines.join('\n')}`;
}
