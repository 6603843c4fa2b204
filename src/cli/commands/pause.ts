/** `kernelet pause`: kernels whose processes stand still. */
import type { CliCommand } from '../command.ts';
import { daemonClient } from '../connect.ts';
import { doEach } from '../do-each.ts';
import { forceOption } from '../kernel-options.ts';

export const pause = {
  name: 'pause',
  summary: 'have kernels stand still',
  description: `Has all processes of kernels stand still: they take no CPU time, and their memory is given back as far as that can be.
Whatever needs a kernel resumes it: exec, a terminal, files. What runs in it keeps its time limits. Prints the ids.`,
  operands: ['<id...>'],
  options: [forceOption],
  examples: [
    { command: 'kernelet pause 3f2a', what: 'for the night' },
    { command: 'kernelet exec 3f2a -c x', what: 'resumes it' },
  ],
  async run(call) {
    const force = call.options.flag('force');
    await using client = await daemonClient(call);
    return await doEach(call.screen, call.operands, async (id) => (await client.pause(id, force)).id, 'paused');
  },
} satisfies CliCommand;
