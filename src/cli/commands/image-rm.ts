/** `kernelet image rm`: the end of images. */
import type { CliCommand } from '../command.ts';
import { anyClient } from '../connect.ts';

/** The command. */
export const imageRm = {
  name: 'image rm',
  summary: 'remove images',
  description:
    'Removes images from this machine. An image that is not there is no error; one in use is, without --force.',
  operands: ['<reference...>'],
  options: [{ flags: '-f, --force', help: 'also when containers use it' }],
  examples: [{ command: 'kernelet image rm kernelet/gcc:latest', what: 'it is built again when it is needed' }],
  async run(call) {
    const { operands, options, screen } = call;
    await using client = await anyClient(call);
    for (const reference of operands) {
      await client.removeImage(reference, options.flag('force'));
      await screen.result(`${reference}\n`);
    }
    await screen.document({ removed: operands });
    return 0;
  },
} satisfies CliCommand;
