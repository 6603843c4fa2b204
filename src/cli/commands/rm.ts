/** `kernelet rm`: the end of kernels. */
import type { CliCommand } from '../command.ts';
import { daemonClient } from '../connect.ts';
import { exitStatus } from '../exit-status.ts';
import { reportError } from '../report-error.ts';

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
    const outcomes = await Promise.allSettled([...new Set(operands)].map((id) => client.destroy(id, force)));
    const failed = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason] : []));
    const removed = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
    await screen.result(removed.map(({ id }) => `${id}\n`).join(''));
    if (failed.length === 0 || removed.length > 0) await screen.document({ removed: removed.map(({ id }) => id) });
    let status: number = exitStatus.ok;
    for (const error of failed) status = await reportError(screen, error);
    return status;
  },
} satisfies CliCommand;
