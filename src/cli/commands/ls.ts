/** `kernelet ls`: files of a kernel. */

import type { CliCommand } from '../command.ts';
import { daemonClient } from '../connect.ts';
import { table } from '../screen.ts';

export const ls = {
  name: 'ls',
  summary: 'list files of a kernel',
  description: "Lists a folder of the kernel's home; without PATH the home itself.",
  operands: ['<id>', '[path]'],
  options: [],
  examples: [
    { command: 'kernelet ls 3f2a', what: 'the home folder' },
    { command: "kernelet ls 3f2a data --json | jq -r '.files[].filename'", what: 'for programs' },
  ],
  async run(call) {
    const [id = '', path = '.'] = call.operands;
    await using client = await daemonClient(call);
    const list = await client.listFiles(id, path);
    await call.screen.either(list, () =>
      list.files.length === 0
        ? ''
        : table(
            [{ heading: 'MODE' }, { heading: 'SIZE', align: 'right' }, { heading: 'CHANGED' }, { heading: 'NAME' }],
            list.files.map((file) => [
              file.mode,
              String(file.size),
              new Date(file.mtime * 1000).toISOString().slice(0, 19).replace('T', ' '),
              file.filename,
            ]),
          ),
    );
    return 0;
  },
} satisfies CliCommand;
