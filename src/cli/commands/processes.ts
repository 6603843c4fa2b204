/** `kernelet processes`: what runs in a kernel. */
import type { Run } from '../../http/api-types.ts';
import { describeDuration } from '../../lib/duration.ts';
import type { CliCommand } from '../command.ts';
import { daemonClient } from '../connect.ts';
import { table } from '../screen.ts';

/** Characters of an id that stand for it. */
const shortId = 12;

export const processes = {
  name: 'processes',
  summary: 'list what runs in a kernel',
  description: `Lists the programs and commands that run in a kernel, and the code and batches that run or wait there. A name, or the beginning
of an id, stands for a run in \`attach\` and \`kill\`.`,
  operands: ['<id>'],
  options: [
    { flags: '-a, --all', help: 'also those that ended a short while ago' },
    { flags: '-q, --quiet', help: 'only their names or ids' },
  ],
  examples: [
    { command: 'kernelet processes 3f2a', what: 'what runs' },
    { command: 'kernelet processes 3f2a -a', what: 'with the exit statuses of what ended' },
    { command: "kernelet processes 3f2a --json | jq -r '.[].pid'", what: 'for programs: one array' },
  ],
  async run(call) {
    const { operands, options, screen } = call;
    await using client = await daemonClient(call);
    const runs = await client.runs(operands[0] ?? '');
    const shown = options.flag('all') ? runs : runs.filter(({ phase }) => phase !== 'finished');
    await screen.either(shown, () =>
      options.flag('quiet') ? shown.map((run) => `${run.name ?? run.run}\n`).join('') : listing(shown, Date.now()),
    );
    return 0;
  },
} satisfies CliCommand;

function listing(runs: readonly Run[], now: number): string {
  const columns = [
    { heading: 'RUN' },
    { heading: 'PID', align: 'right' as const },
    { heading: 'STATE' },
    { heading: 'STARTED', align: 'right' as const },
    { heading: 'WHAT' },
  ];
  const rows = runs.map((run) => [
    run.name ?? run.run.slice(0, shortId),
    run.pid === null ? '' : String(run.pid),
    run.phase === 'finished' ? endOf(run) : run.phase,
    run.startedAt === null ? '' : describeDuration(Math.max(0, now - run.startedAt)),
    whatOf(run),
  ]);
  return table(columns, rows);
}

const endOf = ({ reason, exitCode }: Run): string =>
  reason === 'exited' ? `exited (${exitCode})` : `${reason ?? 'finished'} (${exitCode})`;

function whatOf({ mode, context, command }: Run): string {
  if (command !== null) return command;
  if (mode === 'query') return `code in ${context}`;
  return mode === 'batch' ? 'batch' : '';
}
