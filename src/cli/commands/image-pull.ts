/** `kernelet image pull`: an image from its registry. */
import type { CliCommand } from '../command.ts';
import { anyClient } from '../connect.ts';
import { Progress } from '../progress.ts';

export const imagePull = {
  name: 'image pull',
  summary: 'pull an image',
  description: 'Pulls an image from its registry. A registry that cannot be reached is reported within 15 seconds.',
  operands: ['<reference>'],
  options: [],
  examples: [{ command: 'kernelet image pull debian:bookworm', what: 'shows progress' }],
  async run(call) {
    const interruption = call.listen();
    await using client = await anyClient(call);
    await using progress = new Progress(call.screen);
    const image = await client.pullImage(
      call.operands[0] ?? '',
      (state) => progress.update(state),
      interruption.signal,
    );
    await progress[Symbol.asyncDispose]();
    await call.screen.either(image, () => `${image.reference}\n`);
    return 0;
  },
} satisfies CliCommand;
