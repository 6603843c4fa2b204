/** `kernelet ls`: files of a kernel. */

import type { CliCommand, CommandCall } from '../command.ts';
import { daemonClient } from '../connect.ts';
import { placeOf } from '../kernel-place.ts';
import { table } from '../screen.ts';

export const ls = {
  name: 'ls',
  summary: 'list files of a kernel',
  description: "Lists a folder of the kernel's home; without PATH the home itself.",
  operands: ['<id>', '[path]'],
  usage: '(ID [PATH] | ID:PATH)',
  options: [],
  examples: [
    { command: 'kernelet ls 3f2a', what: 'the home folder' },
    { command: 'kernelet ls 3f2a:data', what: 'a folder in it' },
    { command: "kernelet ls 3f2a data --json | jq -r '.files[].filename'", what: 'for programs' },
  ],
  async run(call) {
    const [id = '', path] = call.operands;
    const { kernel, path: below } = placeOf(id);
    return await listFolder(
      call,
      path === undefined && kernel !== null ? kernel : id,
      path ?? (kernel === null ? '.' : below),
    );
  },
} satisfies CliCommand;

/** Lists a folder of a kernel, and returns the exit status. */
export async function listFolder(call: CommandCall, kernel: string, path: string): Promise<number> {
  await using client = await daemonClient(call);
  const list = await client.files.list(kernel, path);
  await call.screen.either(list, () =>
    list.files.length === 0
      ? ''
      : table(
          [{ heading: 'MODE' }, { heading: 'SIZE', align: 'right' }, { heading: 'CHANGED' }, { heading: 'NAME' }],
          list.files.map((file) => [file.mode, String(file.size), shownTime(file.mtime), shownName(file)]),
        ),
  );
  return 0;
}

/** Seconds since the epoch, to the second. One that no calendar has is told as it is. */
export function shownTime(seconds: number): string {
  const date = new Date(seconds * 1000);
  return Number.isNaN(date.getTime()) ? String(seconds) : date.toISOString().slice(0, 19).replace('T', ' ');
}

/** A name, and where it leads when it is a link. */
const shownName = ({ filename, target }: { readonly filename: string; readonly target: string | null }): string =>
  target === null ? filename : `${filename} -> ${target}`;
