/** `kernelet files stat`: what is at a path of a kernel. */
import type { CliCommand } from '../command.ts';
import { daemonClient } from '../connect.ts';
import { kernelPlace } from '../kernel-place.ts';
import { facts } from '../screen.ts';
import { shownTime } from './ls.ts';

export const filesStat = {
  name: 'files stat',
  summary: 'show what is at a path of a kernel',
  description:
    'Shows the type, size, mode, owner and times of a file. Of a link it shows the link, with -L what it leads to.',
  operands: ['<id:path>'],
  usage: 'ID:PATH',
  options: [{ flags: '-L, --follow', help: 'what a link leads to, instead of the link' }],
  examples: [
    { command: 'kernelet files stat web:data.csv', what: 'a file' },
    { command: 'kernelet files stat web:data.csv --json | jq .file.size', what: 'for programs' },
  ],
  async run(call) {
    const { kernel, path } = kernelPlace(call.operands[0] ?? '');
    await using client = await daemonClient(call);
    const found = await client.files.stat(kernel, path, { follow: call.options.flag('follow') });
    await call.screen.either(found, () => {
      const { file } = found;
      return facts([
        ['path', found.path],
        ['type', file.target === null ? file.type : `${file.type} to ${file.target}`],
        ['size', String(file.size)],
        ['mode', `${file.mode} (${file.permissions})`],
        ['owner', `${file.uid ?? 'unknown'}:${file.gid ?? 'unknown'}`],
        ['changed', shownTime(file.mtime)],
        ['read', shownTime(file.atime)],
      ]);
    });
    return 0;
  },
} satisfies CliCommand;
