/** `kernelet context restart`: a new interpreter for a context. */
import { mainContext } from '../../protocol/kernel-contexts.ts';
import type { CliCommand } from '../command.ts';
import { daemonClient } from '../connect.ts';

export const contextRestart = {
  name: 'context restart',
  summary: 'start a context anew',
  description: `Gives a context, main when none is named, a new interpreter: its variables are gone, and what runs and waits in it is
cancelled. Files, other contexts and commands stay.`,
  operands: ['<id>', '[name]'],
  options: [],
  examples: [
    { command: 'kernelet context restart 3f2a', what: 'forget the variables, and nothing else' },
    { command: 'kernelet context restart 3f2a second', what: 'those of another context' },
  ],
  async run(call) {
    const [id = '', name = mainContext] = call.operands;
    await using client = await daemonClient(call);
    await client.restartContext(id, name);
    await call.screen.either({ name }, () => `${name}\n`);
    return 0;
  },
} satisfies CliCommand;
