/** `kernelet files watch`: what happens in a folder of a kernel. */
import type { FileChange } from '../../http/api-types.ts';
import { printable } from '../../lib/terminal-text.ts';
import type { CliCommand } from '../command.ts';
import { daemonClient } from '../connect.ts';
import { kernelPlace } from '../kernel-place.ts';
import { resumeStream } from '../resumed-stream.ts';

export const filesWatch = {
  name: 'files watch',
  summary: 'show what happens in a folder',
  description: `Shows what is created, written and removed in a folder of a kernel, and whose mode changes, until Ctrl-C or until the folder is
gone. What happens to a file within moments is shown once. A line "lost" means that not everything was seen: look again.`,
  operands: ['<id:path>'],
  usage: 'ID:PATH',
  options: [{ flags: '-r, --recursive', help: 'also what happens in the folders below' }],
  examples: [
    { command: 'kernelet files watch web:results', what: 'one folder' },
    {
      command: 'kernelet files watch -r web: --json | jq -r \'select(.type == "written").path\'',
      what: 'for programs: one document a line',
    },
  ],
  async run(call) {
    const { kernel, path } = kernelPlace(call.operands[0] ?? '');
    const { signal } = call.listen();
    await using client = await daemonClient(call);
    const recursive = call.options.flag('recursive');
    let begun = false;
    for await (const change of resumeStream(
      (retry) => client.files.watch(kernel, path, { recursive, signal, retry }),
      signal,
    )) {
      const told = begun && change.type === 'watching' ? missed : change;
      begun = true;
      await call.screen.either(told, () => `${lineOf(told)}\n`);
      if (told.type === 'removed' && told.path === '.') return 0;
    }
    return 0;
  },
} satisfies CliCommand;

/** Told where the stream was begun anew. */
const missed: FileChange = { type: 'lost', reason: 'the connection was lost for a while' };

function lineOf(change: FileChange): string {
  if (change.type === 'lost') return `lost        ${printable(change.reason)}`;
  const folder = 'file' in change && change.file === 'folder' && change.path !== '.' ? '/' : '';
  return `${change.type.padEnd(10)}  ${printable(change.path)}${folder}`;
}
