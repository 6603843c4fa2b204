/** `kernelet rm`: the end of kernels. */
import type { CliCommand } from '../command.ts';
import { daemonClient } from '../connect.ts';
import { doEach } from '../do-each.ts';
import { exitStatus } from '../exit-status.ts';

export const rm = {
  name: 'rm',
  summary: 'remove kernels',
  description:
    'Ends kernels and removes everything of theirs. Returns when nothing is left; prints the ids that were removed; an empty list of ids is a success.',
  operands: ['[id...]'],
  options: [
    {
      flags: '-f, --force',
      help: 'kill at once, without the grace of SIGTERM; also where the cluster decides',
    },
  ],
  examples: [
    { command: 'kernelet rm 3f2a', what: 'a name, or a unique beginning of the id, is enough' },
    { command: 'kernelet rm -f $(kernelet ps -q)', what: 'all, if there are any' },
  ],
  async run(call) {
    const { operands, options, screen } = call;
    if (operands.length === 0) {
      await screen.document({ removed: [], failed: [] });
      return exitStatus.ok;
    }
    await using client = await daemonClient(call);
    return await doEach(
      screen,
      operands,
      async (id) => (await client.destroy(id, { force: options.flag('force') })).id,
    );
  },
} satisfies CliCommand;
