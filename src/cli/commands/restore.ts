/** `kernelet restore`: kernels that ended without anybody's wish. */
import path from 'node:path';
import type { KeptFiles } from '../../http/api-types.ts';
import { describeByteSize } from '../../lib/byte-size.ts';
import { describeDuration } from '../../lib/duration.ts';
import { printable } from '../../lib/terminal-text.ts';
import type { CliCommand } from '../command.ts';
import { daemonClient } from '../connect.ts';
import { forceOption } from '../kernel-options.ts';
import { UsageError } from '../option-reader.ts';
import { table } from '../screen.ts';

export const restore = {
  name: 'restore',
  summary: 'bring back what ended unasked',
  description: `The files of a kernel that ended without anybody having asked for it (its container died, ran out of memory, or is gone) are
kept for kernelet.trash-keep. Without an id the command lists them. With one it creates the kernel again: the same id, image, limits
and files in a fresh container. With --to it moves the files to a folder of this host instead, which is made and is the daemon's
user's alone; nothing is left of the kernel then.`,
  operands: ['[id]'],
  options: [{ flags: '--to <folder>', help: 'move the files there instead' }, forceOption],
  examples: [
    { command: 'kernelet restore', what: 'what is kept, and until when' },
    { command: 'kernelet restore 3f2a', what: 'the kernel again, with its files' },
    { command: 'kernelet restore 3f2a --to ./found', what: 'its files alone' },
  ],
  async run(call) {
    const { operands, options, screen, host } = call;
    const [id] = operands;
    const to = options.text('to');
    if (id === undefined && to !== undefined) throw new UsageError('whose files: give the id of a kernel');
    const interruption = call.listen();
    await using client = await daemonClient(call);
    if (id === undefined) {
      const kept = await client.keptFiles();
      await screen.either(kept, () => listing(kept, Date.now()));
    } else if (to === undefined) {
      const kernel = await client.restore(id, interruption.signal, options.flag('force'));
      await screen.either(kernel, () => `${kernel.id}\n`);
    } else {
      const folder = path.resolve(host.io.workingDirectory, to);
      const kept = await client.moveKept(id, folder, interruption.signal);
      await screen.either({ ...kept, folder }, () => `${printable(folder)}\n`);
    }
    return 0;
  },
} satisfies CliCommand;

function listing(kept: readonly KeptFiles[], now: number): string {
  const columns = [
    { heading: 'ID' },
    { heading: 'ENDED' },
    { heading: 'REASON' },
    { heading: 'SIZE', align: 'right' as const },
    { heading: 'KEPT FOR', align: 'right' as const },
    { heading: 'IMAGE' },
  ];
  const rows = kept.map(({ id, endedAt, until, bytes, image, termination }) => [
    id,
    new Date(endedAt).toISOString(),
    termination?.reason ?? '-',
    bytes === null ? '-' : describeByteSize(bytes),
    describeDuration(Math.max(0, until - now)),
    image === null ? '-' : image,
  ]);
  return table(columns, rows);
}
