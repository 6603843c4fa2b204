/** `kernelet interrupt`: Ctrl-C from afar. */
import type { CliCommand } from '../command.ts';
import { daemonClient } from '../connect.ts';

export const interrupt = {
  name: 'interrupt',
  summary: 'interrupt what a kernel runs',
  description: 'Interrupts the code or batch that the kernel is running, like Ctrl-C in its terminal. State is kept.',
  operands: ['<id>'],
  options: [],
  examples: [{ command: 'kernelet interrupt 3f2a', what: 'stop an endless loop' }],
  async run(call) {
    await using client = await daemonClient(call);
    const interrupted = await client.interrupt(call.operands[0] ?? '', null);
    await call.screen.document({ interrupted });
    if (!interrupted) await call.screen.note('nothing was running');
    return 0;
  },
} satisfies CliCommand;
