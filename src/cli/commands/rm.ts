/** `kernelet rm`: the end of kernels. */
import type { CliCommand } from '../command.ts';
import { daemonClient } from '../connect.ts';
import { exitStatus } from '../exit-status.ts';
import { errorDocument, sayError } from '../report-error.ts';

/** The command. */
export const rm = {
  name: 'rm',
  summary: 'remove kernels',
  description:
    'Ends kernels and removes everything of theirs. Returns when nothing is left; prints the ids that were removed.',
  operands: ['<id...>'],
  options: [{ flags: '-f, --force', help: 'kill at once, without the grace of SIGTERM' }],
  examples: [
    { command: 'kernelet rm 3f2a', what: 'a unique beginning of the id is enough' },
    { command: 'kernelet rm -f 3f2a 81c0', what: 'several, at once' },
  ],
  async run(call) {
    const { operands, options, screen } = call;
    await using client = await daemonClient(call);
    const force = options.flag('force');
    const removed: string[] = [];
    const failed: { id: string; error: unknown }[] = [];
    await Promise.all(
      [...new Set(operands)].map(async (id) => {
        try {
          removed.push((await client.destroy(id, force)).id);
        } catch (error) {
          failed.push({ id, error });
        }
      }),
    );
    await screen.either({ removed, failed: failed.map(({ id, error }) => ({ id, error: errorDocument(error) })) }, () =>
      removed.map((id) => `${id}\n`).join(''),
    );
    let status: number = exitStatus.ok;
    for (const { error } of failed) status = Math.max(status, await sayError(screen, error));
    return status;
  },
} satisfies CliCommand;
