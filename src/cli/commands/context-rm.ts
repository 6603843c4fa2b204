/** `kernelet context rm`: the end of contexts. */
import type { CliCommand } from '../command.ts';
import { daemonClient } from '../connect.ts';
import { doEach } from '../do-each.ts';

export const contextRm = {
  name: 'context rm',
  summary: 'remove contexts of a kernel',
  description:
    'Removes contexts with their variables, cancels what runs and waits in them, and prints those that were removed.',
  operands: ['<id>', '<name...>'],
  options: [],
  examples: [{ command: 'kernelet context rm 3f2a second', what: 'main stays as long as its kernel' }],
  async run(call) {
    const [id = '', ...names] = call.operands;
    await using client = await daemonClient(call);
    return await doEach(call.screen, names, async (name) => {
      await client.removeContext(id, name);
      return name;
    });
  },
} satisfies CliCommand;
