/** `kernelet logs`: the log of a kernel's container. */
import type { CliCommand } from '../command.ts';
import { daemonClient } from '../connect.ts';
import { textOrBase64 } from '../run-output.ts';

export const logs = {
  name: 'logs',
  summary: "show the log of a kernel's container",
  description: 'Shows what programs of the kernel printed, as far as the container keeps it.',
  operands: ['<id>'],
  options: [{ flags: '-f, --follow', help: 'go on until the kernel ends or Ctrl-C' }],
  examples: [{ command: 'kernelet logs -f 3f2a', what: 'watch a kernel' }],
  async run(call) {
    const { operands, options, screen } = call;
    const { signal } = call.listen();
    await using client = await daemonClient(call);
    for await (const piece of await client.logs(operands[0] ?? '', options.flag('follow'), signal)) {
      if (screen.json) await screen.document({ stream: piece.stream, ...textOrBase64(piece.data) });
      else await screen.io[piece.stream].write(piece.data);
    }
    return 0;
  },
} satisfies CliCommand;
