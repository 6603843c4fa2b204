/** `kernelet image rm`: the end of images. */
import type { CliCommand } from '../command.ts';
import { anyClient } from '../connect.ts';
import { doEach } from '../do-each.ts';

export const imageRm = {
  name: 'image rm',
  summary: 'remove images',
  description: 'Removes images from this machine; prints those that were removed. One in use is not, without --force.',
  operands: ['<reference...>'],
  options: [{ flags: '-f, --force', help: 'also when containers use it' }],
  examples: [{ command: 'kernelet image rm kernelet/gcc:latest', what: 'it is built again when it is needed' }],
  async run(call) {
    const { operands, options, screen } = call;
    await using client = await anyClient(call);
    return await doEach(screen, operands, async (reference) => {
      await client.removeImage(reference, options.flag('force'));
      return reference;
    });
  },
} satisfies CliCommand;
