/** `kernelet restart`: a fresh container for the same kernel. */
import type { CliCommand } from '../command.ts';
import { daemonClient } from '../connect.ts';
import { forceOption } from '../kernel-options.ts';

export const restart = {
  name: 'restart',
  summary: 'give a kernel a fresh container',
  description: `Ends the kernel's container and starts a new one: variables, contexts beside main and processes are gone; id,
files in the home folder, ports and limits stay.`,
  operands: ['<id>'],
  options: [forceOption],
  examples: [{ command: 'kernelet restart 3f2a', what: 'start over, files kept' }],
  async run(call) {
    const interruption = call.listen();
    await using client = await daemonClient(call);
    const kernel = await client.restart(call.operands[0] ?? '', interruption.signal, call.options.flag('force'));
    await call.screen.either(kernel, () => `${kernel.id}\n`);
    return 0;
  },
} satisfies CliCommand;
