/** Which command of a table a command line names. Pure. */
import type { CommandEntry } from './command.ts';

/** First words of commands that have two, with what help says of them. */
export const groups: readonly { readonly name: string; readonly summary: string }[] = [
  { name: 'files', summary: 'work on files of kernels' },
  { name: 'context', summary: 'interpreters of a kernel' },
  { name: 'service', summary: 'applications of kernels' },
  { name: 'image', summary: 'images and their labels' },
  { name: 'engine', summary: 'the container engine' },
  { name: 'config', summary: 'the configuration' },
];

const valued = new Set(['--socket', '--state-dir']);

/** The command of the table that an argument list names, before anything is parsed. */
export function findCommand(table: readonly CommandEntry[], argv: readonly string[]): CommandEntry | undefined {
  const words: string[] = [];
  for (let index = 0; index < argv.length && words.length < 2; index += 1) {
    const word = argv[index] ?? '';
    if (valued.has(word)) index += 1;
    else if (!word.startsWith('-')) words.push(word);
    else if (word === '--') break;
  }
  const [first = '', second = ''] = words;
  return table.find(({ name }) => name === first || name === `${first} ${second}`);
}
