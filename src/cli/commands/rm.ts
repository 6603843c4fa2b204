/** `kernelet rm`: the end of kernels. */
import type { CliCommand } from '../command.ts';
import { daemonClient } from '../connect.ts';
import { removeEach } from '../remove-each.ts';

export const rm = {
  name: 'rm',
  summary: 'remove kernels',
  description:
    'Ends kernels and removes everything of theirs. Returns when nothing is left; prints the ids that were removed.',
  operands: ['<id...>'],
  options: [
    {
      flags: '-f, --force',
      help: 'kill at once, without the grace of SIGTERM; also where the cluster decides',
    },
  ],
  examples: [
    { command: 'kernelet rm 3f2a', what: 'a unique beginning of the id is enough' },
    { command: 'kernelet rm -f 3f2a 81c0', what: 'several, at once' },
  ],
  async run(call) {
    const { operands, options, screen } = call;
    await using client = await daemonClient(call);
    return await removeEach(screen, operands, async (id) => (await client.destroy(id, options.flag('force'))).id);
  },
} satisfies CliCommand;
