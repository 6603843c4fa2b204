/** `kernelet context create`: another interpreter in a kernel. */
import type { CliCommand } from '../command.ts';
import { daemonClient } from '../connect.ts';
import { languageOf, languageOption } from '../kernel-options.ts';

export const contextCreate = {
  name: 'context create',
  summary: 'make a context in a kernel',
  description: `Makes a context: an interpreter with variables of its own, whose code runs beside that of the others. Prints its name.
A restart of the kernel removes it.`,
  operands: ['<id>', '[name]'],
  options: [languageOption, { flags: '-w, --workdir <folder>', help: 'the folder in which it starts' }],
  examples: [
    { command: 'kernelet context create 3f2a second', what: "with the kernel's language" },
    { command: 'kernelet context create 3f2a js --lang nodejs', what: 'with another one that the image has' },
    { command: "kernelet exec 3f2a --context second -c 'x = 1'", what: 'run code in it' },
  ],
  async run(call) {
    const { operands, options, screen } = call;
    const [id = '', name] = operands;
    await using client = await daemonClient(call);
    const language = languageOf(options)?.type;
    const made = await client.createContext(id, { name, language, cwd: options.text('workdir') });
    await screen.either(made, () => `${made.name}\n`);
    return 0;
  },
} satisfies CliCommand;
