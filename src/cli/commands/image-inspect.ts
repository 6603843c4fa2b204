/** `kernelet image inspect`: an image, its labels, and what is wrong with them. */
import { describeByteSize } from '../../lib/byte-size.ts';
import type { CliCommand } from '../command.ts';
import { anyClient } from '../connect.ts';
import { facts } from '../screen.ts';

export const imageInspect = {
  name: 'image inspect',
  summary: 'show an image and its labels',
  description: 'Shows an image with its labels, and says what is wrong with a label.',
  operands: ['<reference>'],
  options: [],
  examples: [{ command: 'kernelet image inspect kernelet/python:latest', what: 'by reference' }],
  async run(call) {
    await using client = await anyClient(call);
    const image = await client.inspectImage(call.operands[0] ?? '');
    await call.screen.either(image, () =>
      facts([
        ['image', image.reference],
        ['id', image.id],
        ['architecture', image.architecture],
        ['size', describeByteSize(image.sizeBytes)],
        ['created', image.createdAt],
        ['runtime', image.runtime],
        ['labelled', image.labelled ? 'yes' : 'no: defaults are used'],
        ...Object.entries(image.labels).map(([key, value]): [string, string] => [`label ${key}`, value]),
        ...image.problems.map(({ label, problem }): [string, string] => ['problem', `${label}: ${problem}`]),
      ]),
    );
    return 0;
  },
} satisfies CliCommand;
