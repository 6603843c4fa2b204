/** `kernelet image ls`: the images of this machine. */
import { describeByteSize } from '../../lib/byte-size.ts';
import type { CliCommand } from '../command.ts';
import { anyClient } from '../connect.ts';
import { table } from '../screen.ts';

export const imageLs = {
  name: 'image ls',
  summary: 'list images',
  description:
    'Lists the images of this machine. Every image can run programs; labelled ones say which runtime they have.',
  operands: [],
  options: [],
  examples: [{ command: 'kernelet image ls', what: 'also shows how many labels are wrong' }],
  async run(call) {
    await using client = await anyClient(call);
    const images = await client.images();
    await call.screen.either(images, () =>
      table(
        [
          { heading: 'IMAGE' },
          { heading: 'RUNTIME' },
          { heading: 'LABELLED' },
          { heading: 'SIZE', align: 'right' },
          { heading: 'PROBLEMS' },
        ],
        images.map((image) => [
          image.reference,
          image.runtime,
          image.labelled ? 'yes' : 'no',
          describeByteSize(image.sizeBytes),
          image.problems.length === 0 ? '' : String(image.problems.length),
        ]),
      ),
    );
    return 0;
  },
} satisfies CliCommand;
