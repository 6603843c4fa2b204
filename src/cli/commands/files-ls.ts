/** `kernelet files ls`: the same as `kernelet ls`, beside the other work on files. */
import type { CliCommand } from '../command.ts';
import { kernelPlace } from '../kernel-place.ts';
import { listFolder } from './ls.ts';

export const filesLs = {
  name: 'files ls',
  summary: 'list a folder of a kernel',
  description: 'Lists a folder, as `kernelet ls` does. ID: is the home. Links show where they lead.',
  operands: ['<id:path>'],
  usage: 'ID:PATH',
  options: [],
  examples: [
    { command: 'kernelet files ls web:', what: 'the home folder' },
    {
      command: "kernelet files ls web:data --json | jq '.files[] | {filename, type, permissions}'",
      what: 'for programs',
    },
  ],
  async run(call) {
    const { kernel, path } = kernelPlace(call.operands[0] ?? '');
    return await listFolder(call, kernel, path);
  },
} satisfies CliCommand;
