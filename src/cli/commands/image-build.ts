/** `kernelet image build`: an image from its recipe. */

import type { Image } from '../../http/api-types.ts';
import { hasCode } from '../../lib/errors.ts';
import type { ApiClient } from '../api-client.ts';
import type { CliCommand } from '../command.ts';
import { anyClient } from '../connect.ts';
import { Progress } from '../progress.ts';

export const imageBuild = {
  name: 'image build',
  summary: 'build an image from its recipe',
  description: `Builds kernelet/NAME:latest from images/NAME/Dockerfile. When the base image cannot be pulled, the base is made from
Debian packages.`,
  operands: ['<name>'],
  options: [{ flags: '--if-missing', help: 'only when the image is not there yet' }],
  examples: [
    { command: 'kernelet image build python', what: 'takes a minute the first time' },
    { command: 'kernelet image build gcc --if-missing', what: 'for scripts' },
  ],
  async run(call) {
    const name = call.operands[0] ?? '';
    const interruption = call.listen();
    await using client = await anyClient(call);
    const present = call.options.flag('if-missing') ? await presentImage(client, name) : null;
    const image = present ?? (await build(client, name));
    await call.screen.either(image, () => `${image.reference}\n`);
    return 0;

    async function build(by: ApiClient, recipe: string): Promise<Image> {
      await using progress = new Progress(call.screen);
      return await by.buildImage(recipe, (state) => progress.update(state), interruption.signal);
    }
  },
} satisfies CliCommand;

async function presentImage(client: ApiClient, name: string): Promise<Image | null> {
  try {
    return await client.inspectImage(`kernelet/${name}:latest`);
  } catch (error) {
    if (hasCode(error, 'IMAGE_NOT_FOUND')) return null;
    throw error;
  }
}
