/** `kernelet files rm`: the end of files in a kernel. */
import { hasCode } from '../../lib/errors.ts';
import type { CliCommand } from '../command.ts';
import { daemonClient } from '../connect.ts';
import { doEach } from '../do-each.ts';
import { kernelPlace } from '../kernel-place.ts';

export const filesRm = {
  name: 'files rm',
  summary: 'remove files of a kernel',
  description: `Removes files, links and empty folders, with -r folders and all that is in them, and prints what was removed. Links are
not followed. A volume that is mounted below a folder stays with what it holds: there -r stops with an error.`,
  operands: ['<id:path...>'],
  usage: 'ID:PATH...',
  options: [
    { flags: '-r, --recursive', help: 'folders with all that is in them' },
    { flags: '-f, --force', help: 'what is not there is no error' },
  ],
  examples: [
    { command: 'kernelet files rm web:old.csv web:older.csv', what: 'several files' },
    { command: 'kernelet files rm -rf web:build', what: 'a folder, if it is there' },
  ],
  async run(call) {
    for (const text of call.operands) kernelPlace(text);
    const { options } = call;
    await using client = await daemonClient(call);
    const remove = async (text: string): Promise<string> => {
      const { kernel, path } = kernelPlace(text);
      await client.files.remove(kernel, path, options.flag('recursive')).catch((error: unknown) => {
        if (!options.flag('force') || !hasCode(error, 'FILE_NOT_FOUND')) throw error;
      });
      return text;
    };
    // One after the other: a kernel has only a few requests about files at once.
    let turn: Promise<unknown> = Promise.resolve();
    return await doEach(call.screen, call.operands, (text) => {
      const removal = turn.then(() => remove(text));
      turn = removal.catch(() => {});
      return removal;
    });
  },
} satisfies CliCommand;
