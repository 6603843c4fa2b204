/** `kernelet kill`: the end of runs, or a signal to them. */
import { runSignals } from '../../http/limits.ts';
import type { CliCommand } from '../command.ts';
import { daemonClient } from '../connect.ts';
import { doEach } from '../do-each.ts';
import { UsageError } from '../option-reader.ts';

export const kill = {
  name: 'kill',
  summary: 'end or signal what runs in a kernel',
  description: `Ends runs by SIGTERM, and by force two seconds later; one that waits is not begun. With --signal the run gets that signal and
nothing more. \`kernelet rm\` ends a whole kernel.`,
  operands: ['<id>', '<run...>'],
  options: [{ flags: '-s, --signal <name>', help: 'only this signal, such as HUP, INT, USR1 or KILL' }],
  examples: [
    { command: 'kernelet kill 3f2a web', what: 'end it' },
    { command: 'kernelet kill 3f2a web --signal HUP', what: 'have it read its configuration again' },
  ],
  async run(call) {
    const { operands, options, screen } = call;
    const [id = '', ...runs] = operands;
    const name = options.text('signal');
    const signal = name === undefined ? undefined : signalOf(name);
    await using client = await daemonClient(call);
    return await doEach(screen, runs, async (run) => {
      if (signal === undefined) await client.cancel(id, run, 'SIGTERM');
      else if (!(await client.signalRun(id, run, { signal }))) await screen.note(`${run} has no process`);
      return run;
    });
  },
} satisfies CliCommand;

/** `hup`, `HUP` and `SIGHUP` are one. */
function signalOf(name: string): (typeof runSignals)[number] {
  const upper = name.toUpperCase();
  const found = runSignals.find((signal) => signal === upper || signal === `SIG${upper}`);
  if (found) return found;
  const known = runSignals.map((signal) => signal.slice(3));
  throw new UsageError(`--signal ${JSON.stringify(name)} is none of ${known.join(', ')}`);
}
