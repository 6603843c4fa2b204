/** `kernelet resume`: kernels that were paused go on. */
import type { CliCommand } from '../command.ts';
import { daemonClient } from '../connect.ts';
import { doEach } from '../do-each.ts';
import { forceOption } from '../kernel-options.ts';

export const resume = {
  name: 'resume',
  summary: 'have paused kernels go on',
  description: `Has kernels go on that \`kernelet pause\`, their idle time-outs or others (\`docker pause\`) have paused; prints their ids. One
that is not paused is a success.`,
  operands: ['<id...>'],
  options: [forceOption],
  examples: [{ command: 'kernelet resume 3f2a', what: 'as if nothing had been' }],
  async run(call) {
    const force = call.options.flag('force');
    await using client = await daemonClient(call);
    return await doEach(call.screen, call.operands, async (id) => (await client.resume(id, force)).id, 'resumed');
  },
} satisfies CliCommand;
