/** `kernelet files mv`: other places and names for files of a kernel. */
import { posix } from 'node:path';
import { hasCode } from '../../lib/errors.ts';
import type { ApiClient } from '../api-client.ts';
import type { CliCommand } from '../command.ts';
import { daemonClient } from '../connect.ts';
import { kernelPlace } from '../kernel-place.ts';
import { UsageError } from '../option-reader.ts';

export const filesMv = {
  name: 'files mv',
  summary: 'move or rename files in a kernel',
  description: `Moves or renames a file or folder within a kernel. Where the new path is a folder it goes into that, under its own name;
a file there is replaced, unless -n is given.`,
  operands: ['<id:path>', '<id:new-path>'],
  usage: 'ID:PATH ID:PATH',
  options: [{ flags: '-n, --keep', help: 'fail where something is at the new path' }],
  examples: [
    { command: 'kernelet files mv web:draft.html web:index.html', what: 'another name' },
    { command: 'kernelet files mv web:index.html web:public/', what: 'another folder' },
  ],
  async run(call) {
    const from = kernelPlace(call.operands[0] ?? '');
    const to = kernelPlace(call.operands[1] ?? '');
    if (from.kernel !== to.kernel) {
      const cure = `\`kernelet cp ${from.kernel}:${from.path} - | kernelet cp - ${to.kernel}:${to.path}\` copies a file.`;
      throw new UsageError('nothing is moved from one kernel to another', cure);
    }
    await using client = await daemonClient(call);
    const target = await targetOf(client, from.kernel, from.path, to.path);
    await client.files.move(from.kernel, { from: from.path, to: target, replace: !call.options.flag('keep') });
    await call.screen.document({ from: from.path, to: target });
    return 0;
  },
} satisfies CliCommand;

/** Into a folder that is there. */
async function targetOf(client: ApiClient, kernel: string, from: string, to: string): Promise<string> {
  const there = await client.files.stat(kernel, to, { follow: true }).catch((error: unknown) => {
    if (hasCode(error, 'FILE_NOT_FOUND')) return null;
    throw error;
  });
  if (there?.file.type === 'folder') {
    const name = posix.basename(posix.normalize(from));
    if (!['', '.', '..'].includes(name)) return posix.join(to, name);
    throw new UsageError(`${JSON.stringify(from)} has no name of its own to go by`, 'Name the folder by its path.');
  }
  if (to.endsWith('/')) throw new UsageError(`there is no folder ${JSON.stringify(to)} in the kernel`);
  return to;
}
