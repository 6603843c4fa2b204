/** What people type from habit of other programs: what means a command here, and what is answered with the right one. Pure. */

/** First words that mean the same as these. */
const synonyms: ReadonlyMap<string, readonly string[]> = new Map([
  ['images', ['image', 'ls']],
  ['list', ['ps']],
  ['port-forward', ['forward']],
  ['version', ['--version']],
  ['unpause', ['resume']],
]);

/** First words of which something else is meant than they mean elsewhere, and what to do. */
const answers: ReadonlyMap<string, string> = new Map([
  ['build', '`kernelet image build NAME` builds an image of a language.'],
  ['cat', '`kernelet cp ID:PATH -` prints a file of a kernel.'],
  ['delete', '`kernelet rm ID` ends a kernel.'],
  ['info', '`kernelet doctor` looks at this machine, `kernelet ps` lists the kernels.'],
  ['mkdir', '`kernelet files mkdir ID:PATH` makes a folder in a kernel.'],
  ['mv', '`kernelet files mv ID:PATH ID:PATH` moves files in a kernel.'],
  ['pull', '`kernelet image pull REFERENCE` pulls an image.'],
  ['remove', '`kernelet rm ID` ends a kernel.'],
  ['rmi', '`kernelet image rm REFERENCE` removes an image.'],
  ['start', '`kernelet create --lang python` makes a kernel, `kernelet serve` starts the daemon.'],
  ['stat', '`kernelet files stat ID:PATH` shows what is at a path of a kernel.'],
  ['stop', '`kernelet rm ID` ends a kernel, `kernelet interrupt ID` and `kernelet kill ID RUN` what it runs.'],
  ['top', '`kernelet stats` shows what kernels use, `kernelet processes ID` what runs in one.'],
  ['watch', '`kernelet files watch ID:PATH` shows what happens in a folder of a kernel.'],
]);

/** Commands that take no operands though people give them some, and what to do. */
const answersToOperands: ReadonlyMap<string, string> = new Map([
  ['ps', '`kernelet processes ID` lists what runs in a kernel, `kernelet inspect ID` shows all of it.'],
  ['create', 'Options alone say what it is: --lang, --image; `kernelet run FILE` runs a program.'],
]);

/** The command line that is meant: `help COMMAND` is `COMMAND --help`. */
export function meant(argv: readonly string[]): readonly string[] {
  const [first = '', ...rest] = argv;
  if (first === 'help') return [...meant(rest), '--help'];
  const words = synonyms.get(first);
  return words ? [...words, ...rest] : argv;
}

/** What to do instead of what was typed; undefined: nothing better than the help is known. `code` is commander's. */
export function answerTo(code: string, argv: readonly string[]): string | undefined {
  const word = argv.find((text) => !text.startsWith('-')) ?? '';
  if (code === 'commander.unknownCommand') return answers.get(word);
  return code === 'commander.excessArguments' ? answersToOperands.get(word) : undefined;
}
