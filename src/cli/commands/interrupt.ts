/** `kernelet interrupt`: Ctrl-C from afar. */
import { mainContext } from '../../protocol/kernel-contexts.ts';
import type { CliCommand } from '../command.ts';
import { daemonClient } from '../connect.ts';

export const interrupt = {
  name: 'interrupt',
  summary: 'interrupt what a kernel runs',
  description: 'Interrupts the code or batch that the kernel is running, like Ctrl-C in its terminal. State is kept.',
  operands: ['<id>'],
  options: [{ flags: '--context <name>', help: 'what this context runs; main when absent' }],
  examples: [{ command: 'kernelet interrupt 3f2a', what: 'stop an endless loop' }],
  async run(call) {
    await using client = await daemonClient(call);
    const context = call.options.text('context') ?? mainContext;
    const interrupted = await client.interruptContext(call.operands[0] ?? '', context);
    await call.screen.document({ interrupted });
    if (!interrupted) await call.screen.note(`nothing was running in the context ${context}`);
    return 0;
  },
} satisfies CliCommand;
