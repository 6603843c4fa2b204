/** `kernelet context ls`: the interpreters of a kernel. */

import type { CliCommand } from '../command.ts';
import { daemonClient } from '../connect.ts';
import { table } from '../screen.ts';

export const contextLs = {
  name: 'context ls',
  summary: 'list the contexts of a kernel',
  description: 'Lists the contexts of a kernel, with what runs and how much waits in each.',
  operands: ['<id>'],
  options: [],
  examples: [
    { command: 'kernelet context ls 3f2a', what: 'main is always there' },
    { command: "kernelet context ls 3f2a --json | jq -r '.[].name'", what: 'for programs: one array' },
  ],
  async run(call) {
    await using client = await daemonClient(call);
    const contexts = await client.contexts(call.operands[0] ?? '');
    await call.screen.either(contexts, () =>
      table(
        [
          { heading: 'NAME' },
          { heading: 'RUNTIME' },
          { heading: 'STATE' },
          { heading: 'RUNNING' },
          { heading: 'WAITING', align: 'right' },
        ],
        contexts.map(({ name, runtime, state, detail, running, waiting }) => [
          name,
          runtime,
          detail === '' ? state : `${state} (${detail})`,
          running ?? '',
          String(waiting),
        ]),
      ),
    );
    return 0;
  },
} satisfies CliCommand;
